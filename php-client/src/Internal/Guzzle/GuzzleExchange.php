<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use Closure;
use GuzzleHttp\Psr7\Response;
use GuzzleHttp\Psr7\Utils;
use GuzzleHttp\TransferStats;
use Hawser\Exception\ErrorCode;
use Hawser\Exception\ExchangeException;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Body\CallableSource;
use Hawser\Internal\Body\PsrBody;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Failure;
use Hawser\Internal\Request;
use Hawser\Internal\Transfer;
use LogicException;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamInterface;
use RuntimeException;
use Throwable;

/**
 * One request of Guzzle's: from its options to the settled promise. `advance` is called whenever something may have
 * come, and says when there is a response or a failure to settle with.
 *
 * @internal
 */
final class GuzzleExchange
{
    /** A body this long is written to its sink before it is whole; a shorter one can still be asked for again. */
    private const HELD_BYTES = 64 * 1024;

    private readonly Request $request;

    private ?Transfer $transfer = null;

    private ?ResponseInterface $response = null;

    private ?StreamInterface $sink = null;

    private ?Inflater $inflater = null;

    private ?Throwable $failure = null;

    private int $receivedBytes = 0;

    private int $sentBytes = 0;

    private int $startNs = 0;

    /**
     * @param Closure(int, Transfer): mixed $advance lets everything of the handler go on, and this one, at most until then
     */
    public function __construct(
        private readonly Dispatcher $dispatcher,
        private readonly RequestInterface $message,
        string $url,
        private readonly TransportOptions $options,
        private readonly Closure $advance,
    ) {
        $fields = $message->getHeaders();
        unset($fields['Proxy-Authorization']);
        $request = ['headers' => $fields, 'stream' => true];
        $body = $message->getMethod() === 'HEAD' ? null : PsrBody::of($message->getBody());
        if ($body !== null) {
            $request['body'] = $options->onProgress === null ? $body : $this->counted($body);
        }
        if ($options->timeoutMs !== null) {
            $request['timeoutMs'] = $options->timeoutMs;
        }
        if ($options->connectTimeoutMs !== null) {
            $request['connectTimeoutMs'] = $options->connectTimeoutMs;
        }
        $this->request = Request::of($message->getMethod(), $url, $request, $dispatcher->options->timeoutMs);
    }

    public function begin(): void
    {
        $this->startNs = (int) hrtime(true);
        $this->transfer = $this->dispatcher->begin($this->request);
    }

    /** Null before it has begun. */
    public function transfer(): ?Transfer
    {
        return $this->transfer;
    }

    /**
     * Takes over what came. True where it is done: `failure` or `response` says how.
     */
    public function advance(): bool
    {
        $transfer = $this->transfer;
        if ($transfer === null) {
            return false;
        }
        try {
            if ($this->response === null && $transfer->status !== 0) {
                if (!$this->isWorthTaking($transfer)) {
                    return false;
                }
                $transfer->isDelivered = true;
                $this->open($transfer);
                if ($this->options->isStream) {
                    $this->tellStats(null);

                    return true;
                }
            }
            if ($this->response !== null && ($transfer->isEnded || \strlen($transfer->body) >= self::HELD_BYTES || $this->options->onProgress !== null)) {
                $this->take($transfer);
            }
            if (!$transfer->isEnded) {
                return false;
            }
            if ($transfer->error === null) {
                $this->inflater?->end();
            }
        } catch (ExchangeEnd $end) {
            $this->fail($end->failure, $end->failure->getPrevious());

            return true;
        } catch (Throwable $e) {
            $this->fail(GuzzleFailure::of($e, $this->message, $this->response), $e);

            return true;
        }
        if ($transfer->error !== null) {
            $this->fail(GuzzleFailure::of($transfer->error, $this->message, $this->response), $transfer->error);

            return true;
        }
        $this->finish($transfer);

        return true;
    }

    public function failure(): ?Throwable
    {
        return $this->failure;
    }

    /**
     * The response, which the caller alone then holds: when it lets go of a streamed body, the exchange ends.
     */
    public function response(): ResponseInterface
    {
        $response = $this->response ?? throw new LogicException('There is no response yet.');
        if ($this->options->isStream) {
            $this->response = $response->withBody(Utils::streamFor(''));
        }

        return $response;
    }

    public function cancel(): void
    {
        if ($this->transfer !== null) {
            Dispatcher::cancel($this->transfer);
        }
    }

    /**
     * Before anything of an answer has been handed on, a broker that goes away costs nothing: the request is sent again.
     * So what nobody waits to see early is handed on when it is whole or large.
     */
    private function isWorthTaking(Transfer $transfer): bool
    {
        return $transfer->isEnded || $this->options->isStream || $this->options->onHeaders !== null || $this->options->onProgress !== null
            || \strlen($transfer->body) >= self::HELD_BYTES;
    }

    /** The head: makes the response, and tells of it. */
    private function open(Transfer $transfer): void
    {
        $fields = self::byName($transfer->fields);
        if ($this->options->isDecoded && isset($fields['content-encoding'])) {
            $this->inflater = $this->message->getMethod() === 'HEAD' ? null : Inflater::for(implode(',', $fields['content-encoding']));
            if ($this->inflater !== null) {
                $fields['x-encoded-content-encoding'] = $fields['content-encoding'];
                $fields += isset($fields['content-length']) ? ['x-encoded-content-length' => $fields['content-length']] : [];
                unset($fields['content-encoding'], $fields['content-length']);
            }
        }
        try {
            $this->response = new Response($transfer->status, $fields, $this->body($transfer, $fields), $this->version($transfer));
        } catch (Throwable $e) {
            throw new ExchangeEnd(GuzzleFailure::within('while creating the response', $e, $this->message, null));
        }
        if ($this->options->debug !== null) {
            DebugLog::write($this->options->debug, $this->message, $this->response, $transfer);
        }
        if ($this->options->onHeaders !== null) {
            $this->tell('during the on_headers event', $this->options->onHeaders, $this->response);
        }
    }

    /**
     * @param array<string, list<string>> $fields
     */
    private function body(Transfer $transfer, array $fields): string|StreamInterface
    {
        if ($this->options->isStream) {
            $length = $this->message->getMethod() === 'HEAD' ? '' : $fields['content-length'][0] ?? '';

            return new BodyStream($this->nextOctets(...), $this->cancel(...), ctype_digit($length) ? (int) $length : null);
        }
        $this->sink = $this->options->sink;
        if ($this->sink !== null) {
            return $this->sink;
        }
        if ($transfer->isEnded && $transfer->error === null) {
            // The whole answer is here: one string, and one stream about it.
            $octets = $this->decoded($transfer);

            return $octets;
        }
        $file = fopen('php://temp', 'r+');

        return $this->sink = Utils::streamFor($file === false ? '' : $file);
    }

    private function take(Transfer $transfer): void
    {
        $octets = $this->decoded($transfer);
        if ($octets !== '' && $this->sink !== null) {
            for ($at = 0; $at < \strlen($octets);) {
                $written = $this->sink->write($at === 0 ? $octets : substr($octets, $at));
                if ($written <= 0) {
                    throw new RuntimeException('the sink takes nothing more');
                }
                $at += $written;
            }
        }
        $this->tellProgress($transfer);
    }

    private function decoded(Transfer $transfer): string
    {
        $octets = Dispatcher::take($transfer);
        $this->receivedBytes += \strlen($octets);

        return $this->inflater === null ? $octets : $this->inflater->add($octets);
    }

    /** For a streamed body: waits for octets. */
    private function nextOctets(): string
    {
        $transfer = $this->transfer ?? throw new LogicException('The exchange has not begun.');
        $untilNs = $this->options->readTimeoutMs === 0 ? 0 : (int) hrtime(true) + $this->options->readTimeoutMs * 1_000_000;
        while (true) {
            while (self::isWaiting($transfer)) {
                ($this->advance)($untilNs, $transfer);
                if ($untilNs !== 0 && (int) hrtime(true) >= $untilNs && self::isWaiting($transfer)) {
                    $error = Failure::of(ErrorCode::IdleTimeout, $this->request, "nothing more of the body came within {$this->options->readTimeoutMs} ms (read_timeout)", false);
                    Dispatcher::cancel($transfer);

                    throw GuzzleFailure::of($error, $this->message, $this->response);
                }
            }
            if ($transfer->body === '') {
                if ($transfer->error !== null) {
                    throw GuzzleFailure::of($transfer->error, $this->message, $this->response);
                }
                $this->inflater?->end();
                $this->tellTrailers($transfer);

                return '';
            }
            $octets = $this->decoded($transfer);
            $this->tellProgress($transfer);
            if ($octets !== '') {
                return $octets;
            }
        }
    }

    private static function isWaiting(Transfer $transfer): bool
    {
        return $transfer->body === '' && !$transfer->isEnded;
    }

    private function finish(Transfer $transfer): void
    {
        $this->tellStats(null);
        if ($this->sink !== null && $this->sink->isSeekable()) {
            $this->sink->rewind();
        }
        try {
            $this->tellTrailers($transfer);
        } catch (ExchangeEnd $end) {
            $this->failure = $end->failure;
        }
    }

    private function fail(Throwable $failure, ?Throwable $reason): void
    {
        $this->cancel();
        $this->failure = $failure;
        $this->tellStats($reason);
    }

    private function tellTrailers(Transfer $transfer): void
    {
        if ($this->options->onTrailers !== null && $this->response !== null) {
            $this->tell('during the on_trailers event', $this->options->onTrailers, self::byName($transfer->trailers), $this->response);
        }
    }

    private function tellProgress(Transfer $transfer): void
    {
        if ($this->options->onProgress !== null) {
            $length = self::byName($transfer->fields)['content-length'][0] ?? '0';
            ($this->options->onProgress)((int) $length, $this->receivedBytes, $this->message->getBody()->getSize() ?? 0, $this->sentBytes);
        }
    }

    private function tellStats(?Throwable $reason): void
    {
        if ($this->options->onStats === null || $this->transfer === null) {
            return;
        }
        $facts = Failure::facts($this->transfer->facts, $this->transfer->isDirect) ?? ($reason instanceof ExchangeException ? $reason->facts() : null);
        $elapsed = ((int) hrtime(true) - $this->startNs) / 1e9;
        $stats = Stats::of($facts, $this->request->url, $this->transfer->status, $elapsed, $this->receivedBytes, $this->message->getBody()->getSize() ?? $this->sentBytes);
        ($this->options->onStats)(new TransferStats($this->message, $this->response, $elapsed, $reason, $stats));
    }

    private function tell(string $event, Closure $callback, mixed ...$arguments): void
    {
        try {
            $callback(...$arguments);
        } catch (Throwable $e) {
            throw new ExchangeEnd(GuzzleFailure::within($event, $e, $this->message, $this->response));
        }
    }

    private function version(Transfer $transfer): string
    {
        return match ($transfer->facts[0] ?? '') {
            'h2' => '2',
            default => '1.1',
        };
    }

    /** A body that tells of its progress. */
    private function counted(string|CallableSource $body): BodySource
    {
        $at = 0;
        $read = function (int $maxBytes) use ($body, &$at): string {
            if (\is_string($body)) {
                $octets = substr($body, $at, $maxBytes);
                $at += \strlen($octets);
            } else {
                $octets = $body->take($maxBytes);
            }
            $this->sentBytes += \strlen($octets);
            if ($octets !== '' && $this->transfer !== null) {
                $this->tellProgress($this->transfer);
            }

            return $octets;
        };
        $rewind = function () use ($body, &$at): bool {
            $at = $this->sentBytes = 0;

            return \is_string($body) || $body->rewind();
        };

        return new CallableSource($read, $rewind, \is_string($body) ? \strlen($body) : $body->length());
    }

    /**
     * @param list<string> $fields
     *
     * @return array<string, list<string>>
     */
    private static function byName(array $fields): array
    {
        $byName = [];
        for ($at = 0, $end = \count($fields); $at < $end; $at += 2) {
            $byName[$fields[$at]][] = $fields[$at + 1];
        }

        return $byName;
    }
}
