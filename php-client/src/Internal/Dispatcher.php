<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Hawser\ClientOptions;
use Hawser\Exception\ErrorCode;
use Hawser\Fallback;
use Hawser\FallbackEvent;
use Hawser\Internal\Connection\CannotOpen;
use Hawser\Internal\Connection\Link;
use Hawser\Internal\Direct\DirectPath;
use Hawser\Response;
use Throwable;

/**
 * The way of an exchange, top to bottom: deadline → broker → once more on a new socket, where that is safe → direct.
 *
 * @internal
 */
final class Dispatcher implements Recovery
{
    /** After the deadline, the broker's own error is awaited this long: it says more than this end can. */
    private const GRACE_MS = 200;

    /** While both paths are at work, one is looked after this long before the other has its turn. */
    private const SLICE_NS = 5_000_000;

    private readonly Link $link;

    private ?DirectPath $direct = null;

    private ?Outage $outage = null;

    public function __construct(public readonly ClientOptions $options)
    {
        $this->link = Link::to($options);
    }

    /**
     * Sends the request. What goes wrong is found in the transfer, not thrown.
     *
     * @param bool $isTaken false: `ClientOptions::takes()` said so, and the request goes to its origin without the broker
     */
    public function begin(Request $request, bool $isTaken = true): Transfer
    {
        $timeoutMs = $this->timeoutMs($request->timeoutMs);
        $deadlineNs = $timeoutMs === 0 ? 0 : (int) hrtime(true) + $timeoutMs * 1_000_000;
        $transfer = new Transfer($request, $this, $deadlineNs, $deadlineNs === 0 ? 0 : $deadlineNs + self::GRACE_MS * 1_000_000, $timeoutMs);
        if ($isTaken) {
            $this->send($transfer);
        } else {
            $this->startDirect($transfer, 'ClientOptions leave this request out');
        }

        return $transfer;
    }

    /**
     * Waits for the end of a transfer, or for the head of a streamed one.
     */
    public function await(Transfer $transfer): void
    {
        while (!$transfer->isEnded && ($transfer->status === 0 || !$transfer->request->isStreamed)) {
            $this->pump($transfer);
        }
    }

    /**
     * Waits for more of the body of a streamed transfer, or for its end.
     */
    public function awaitBody(Transfer $transfer): void
    {
        while (!$transfer->isEnded && $transfer->body === '') {
            $this->pump($transfer);
        }
    }

    /**
     * The response of a transfer that was awaited. Of a streamed one the error may come after the head, when the caller
     * has read as much as came.
     */
    public function deliver(Transfer $transfer): Response
    {
        if ($transfer->error !== null && ($transfer->status === 0 || !$transfer->request->isStreamed)) {
            throw $transfer->error;
        }
        $transfer->isDelivered = true;

        return new Response($transfer, $this);
    }

    /**
     * The body octets of a streamed transfer that came since the last call; the origin may send as many more. An empty
     * string where there are none: at the end, or not yet.
     */
    public static function take(Transfer $transfer): string
    {
        $octets = $transfer->body;
        $transfer->body = '';
        if ($octets !== '' && !$transfer->isEnded) {
            $transfer->path?->consumed($transfer, \strlen($octets));
        }

        return $octets;
    }

    /**
     * Gives a transfer up, at the origin too. Does nothing where it has ended.
     */
    public static function cancel(Transfer $transfer): void
    {
        if (!$transfer->isEnded) {
            $transfer->path?->cancel($transfer);
            $transfer->fail(Failure::cancelled($transfer->request));
        }
    }

    /**
     * Ends a transfer whose time is over and to which the broker said nothing.
     */
    public static function expire(Transfer $transfer): void
    {
        if ($transfer->limitNs !== 0 && !$transfer->isEnded && (int) hrtime(true) >= $transfer->limitNs) {
            $transfer->path?->cancel($transfer);
            $transfer->fail(Failure::of(ErrorCode::DeadlineExceeded, $transfer->request, "no whole answer within {$transfer->timeoutMs} ms", false));
        }
    }

    public function recover(Transfer $transfer, bool $isUnprocessed, bool $isBrokerAway, string $reason): void
    {
        $body = $transfer->request->body;
        $isRepeatable = ($isUnprocessed || $transfer->request->isIdempotent())
            && !$transfer->isDelivered
            && (!$body instanceof Body\BodySource || $body->rewind());
        if (!$isRepeatable) {
            $transfer->fail($isBrokerAway
                ? Failure::brokerUnavailable($transfer->request, $reason, $isUnprocessed)
                : Failure::brokerGone($transfer->request, $reason, $isUnprocessed));

            return;
        }
        $transfer->restart();
        if ($isBrokerAway || $transfer->sends > 1) {
            $this->goDirect($transfer, $reason, $isUnprocessed);
        } else {
            $this->send($transfer);
        }
    }

    private function send(Transfer $transfer): void
    {
        try {
            $connection = $this->link->connection() ?? $this->link->open($this->options->connectTimeoutMs, $this->outage());
        } catch (CannotOpen $e) {
            $this->goDirect($transfer, $e->getMessage(), true);

            return;
        }
        $connection->start($transfer);
    }

    /** The one place where a request leaves the broker's path because the broker is away. */
    private function goDirect(Transfer $transfer, string $reason, bool $isUnprocessed): void
    {
        $request = $transfer->request;
        if ($this->options->fallback === Fallback::Fail) {
            $transfer->fail(Failure::brokerUnavailable($request, $reason, $isUnprocessed));

            return;
        }
        $max = $this->options->maxDirectPerSecond;
        $isAllowed = $this->outage()->admit($max, $reason);
        if ($this->options->onFallback !== null) {
            try {
                ($this->options->onFallback)(new FallbackEvent($request->method, $request->shownUrl(), $reason, $isAllowed));
            } catch (Throwable $e) {
                $transfer->fail($e);

                return;
            }
        }
        if ($isAllowed) {
            $this->startDirect($transfer, $reason);
        } else {
            $transfer->fail(Failure::brokerUnavailable($request, "{$reason}; and {$max} requests have gone direct within a second, as many as maxDirectPerSecond allows", $isUnprocessed));
        }
    }

    private function startDirect(Transfer $transfer, string $reason): void
    {
        if (!\extension_loaded('curl')) {
            $transfer->fail(Failure::brokerUnavailable($transfer->request, $reason . ', and the direct path needs ext-curl, which is not loaded', true));

            return;
        }
        if (isset($transfer->request->curlOptions[\CURLOPT_RESOLVE])) {
            // Addresses given for one request must not be found in the cache by another.
            (new DirectPath($this->options->caFile, $this->options->windowBytes))->start($transfer);

            return;
        }
        $this->direct ??= new DirectPath($this->options->caFile, $this->options->windowBytes);
        $this->direct->start($transfer);
    }

    private function outage(): Outage
    {
        return $this->outage ??= new Outage($this->options->socket, $this->options->logger);
    }

    private function pump(Transfer $transfer): void
    {
        $path = $transfer->path;
        if ($path === null) {
            return;
        }
        $limitNs = $transfer->limitNs;
        $other = $this->direct === null ? null : ($path === $this->direct ? $this->link->busyConnection() : ($this->direct->isBusy() ? $this->direct : null));
        if ($other === null) {
            $path->pump($limitNs);
        } else {
            $other->pump(1);
            $sliceEndNs = (int) hrtime(true) + self::SLICE_NS;
            $path->pump($limitNs === 0 ? $sliceEndNs : min($limitNs, $sliceEndNs));
        }
        if (!$transfer->isEnded) {
            self::expire($transfer);
        }
    }

    /**
     * The time an exchange gets: what was asked for, or what is left of `max_execution_time` if that is less. The limit
     * is read as wall clock, although PHP on Linux counts CPU time only; a script that runs past it proves that it is
     * not, and then only what was asked for counts. It ends early enough for the exception to arrive in time.
     */
    private function timeoutMs(int $timeoutMs): int
    {
        $limitSeconds = (int) \ini_get('max_execution_time');
        if ($limitSeconds <= 0) {
            return $timeoutMs;
        }
        $startSeconds = $_SERVER['REQUEST_TIME_FLOAT'] ?? null;
        $leftMs = \is_float($startSeconds) ? (int) (($limitSeconds + $startSeconds - microtime(true)) * 1000) : 0;
        if ($leftMs <= 0) {
            return $timeoutMs;
        }
        $leftMs = max(1, $leftMs - self::GRACE_MS);

        return $timeoutMs === 0 ? $leftMs : min($timeoutMs, $leftMs);
    }
}
