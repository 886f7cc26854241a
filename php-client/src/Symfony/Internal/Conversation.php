<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;
use Hawser\Fields;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Failure;
use Hawser\Internal\Request;
use Hawser\Internal\Transfer;
use Psr\Log\LoggerInterface;
use SplQueue;
use Symfony\Component\HttpClient\Chunk\ErrorChunk;
use Symfony\Component\HttpClient\Exception\TransportException;
use Symfony\Contracts\HttpClient\ChunkInterface;
use Throwable;
use WeakReference;

/**
 * The exchanges behind one response: the first, and those that its redirects ask for. It ends when the last reference to
 * it goes, which is the response's, or that of a stream over it.
 *
 * ```
 *   queued ──► head ──► body ──► closed, failure null
 *     │ ▲       │ │       └────► closed, failure set (also from every other state)
 *     │ └ pause └─┴─► redirect ──► head
 * ```
 *
 * @internal
 */
final class Conversation
{
    /** More of a redirect's body than this is not worth reading to keep its connection. */
    private const MAX_DRAINED_BYTES = 64 * 1024;

    /** `on_progress` is called at least so often. */
    private const TICK_NS = 1_000_000_000;

    public readonly Content $content;

    private Info $info;

    /** The request is being sent, or is sent; sending it may run the caller's code, which may come back here. */
    private bool $isBegun = false;

    private ?Transfer $transfer = null;

    private ?Head $head = null;

    /** Where the response under way redirects to; null: it does not, or is not followed. */
    private ?string $target = null;

    private int $drainedBytes = 0;

    /** @var list<ChunkInterface> that nobody has taken yet; data is not among them: it stays in the transfer, under its window */
    private array $chunks = [];

    /** @var SplQueue<array{int, Fields}> filled while the transfer goes on */
    private SplQueue $informational;

    private ?TransportException $failure = null;

    /** An Error of the caller's code goes through as it is, once. */
    private ?\Error $bug = null;

    private bool $isClosed = false;

    /** The stream that asks next is told that this has ended. */
    private bool $isEndPending = false;

    private bool $hasTimedOut = false;

    private int $pausedUntilNs = 0;

    private int $deadlineNs = 0;

    private int $toldNs = 0;

    private int $toldBytes = -1;

    private bool $isTelling = false;

    /**
     * @param Closure(string, string): ?string $resolve the absolute URL of a location seen from a URL
     */
    public function __construct(
        public readonly Hub $hub,
        private Outgoing $outgoing,
        public readonly Settings $settings,
        private readonly DirectOptions $direct,
        private readonly Closure $resolve,
        private readonly ?LoggerInterface $logger,
    ) {
        $this->info = new Info($outgoing->url, $outgoing->method, $outgoing->url);
        $this->informational = new SplQueue();
        $this->content = new Content($settings);
    }

    public function __destruct()
    {
        $this->close();
    }

    /** Sends the request, if it is not sent and not paused. */
    public function startIfDue(): void
    {
        if ($this->isBegun || $this->isClosed) {
            return;
        }
        $nowNs = (int) hrtime(true);
        if ($this->deadlineNs === 0 && $this->settings->maxDuration > 0) {
            $this->deadlineNs = $nowNs + (int) ($this->settings->maxDuration * 1e9);
        }
        if ($nowNs >= $this->pausedUntilNs || $this->deadlineNs !== 0 && $nowNs >= $this->deadlineNs) {
            $this->begin();
        }
    }

    public function transfer(): ?Transfer
    {
        return $this->transfer;
    }

    /** Looks at what has come: informational responses, a head, a redirect to follow. Body octets stay where they are. */
    public function advance(): void
    {
        while (!$this->isClosed && $this->transfer !== null && $this->step($this->transfer));
    }

    /** The next chunk; null where none is here now. Runs `on_progress` and `buffer`. */
    public function next(): ?ChunkInterface
    {
        $this->tell(false);
        if ($this->chunks !== []) {
            $chunk = array_shift($this->chunks);
            if ($chunk->isFirst()) {
                $this->openContent();
            }

            return $chunk;
        }
        if ($this->bug !== null) {
            [$bug, $this->bug] = [$this->bug, null];

            throw $bug;
        }
        if ($this->isClosed) {
            $isEnd = $this->isEndPending;
            $this->isEndPending = false;

            return match (true) {
                !$isEnd => null,
                $this->failure !== null => new FailureChunk($this->content->offset, $this->failure),
                default => Chunk::last($this->content->offset),
            };
        }
        if ($this->head === null || $this->target !== null || $this->transfer === null || (int) hrtime(true) < $this->pausedUntilNs) {
            return null;
        }
        $octets = Dispatcher::take($this->transfer);
        if ($octets !== '') {
            return $this->data($octets);
        }
        if (!$this->transfer->isEnded) {
            return null;
        }
        $this->transfer->error === null ? $this->finish($this->transfer) : $this->fail($this->transfer->error);

        return $this->next();
    }

    /** Nothing came for too long. The response goes on if it is asked again. */
    public function timeout(): ErrorChunk
    {
        $this->hasTimedOut = true;

        return new ErrorChunk($this->content->offset, "Idle timeout reached for \"{$this->info->url}\".");
    }

    public function announceEnd(): void
    {
        $this->isEndPending = $this->isClosed;
    }

    public function cancel(): void
    {
        $this->info->isCanceled = true;
        $this->fail(new TransportException('Response has been canceled.'));
        $this->chunks = [];
        $this->isEndPending = false;
    }

    /** The first failure stands. */
    public function fail(Throwable $error): void
    {
        if ($this->failure === null && !$this->isClosed) {
            $this->failure = FailureChunk::exception($error, $this->info->url);
            $this->info->error = $this->failure->getMessage();
            $this->bug = $error instanceof \Error ? $error : null;
            $this->isEndPending = true;
            $this->close();
        }
    }

    public function failure(): ?TransportException
    {
        return $this->failure;
    }

    public function isClosed(): bool
    {
        return $this->isClosed;
    }

    public function isCanceled(): bool
    {
        return $this->info->isCanceled;
    }

    public function hasTimedOut(): bool
    {
        return $this->hasTimedOut;
    }

    /** The final head is here, whether or not anyone has taken its chunk. */
    public function isHeadGiven(): bool
    {
        return $this->head !== null && $this->target === null;
    }

    public function pausedUntilNs(): int
    {
        return $this->pausedUntilNs;
    }

    public function status(): int
    {
        return $this->info->status;
    }

    public function url(): string
    {
        return $this->info->url;
    }

    /**
     * @return array<string, list<string>>
     */
    public function headers(): array
    {
        return $this->head->headers ?? [];
    }

    /**
     * @return array<string, mixed>
     */
    public function info(): array
    {
        $this->look();
        $self = WeakReference::create($this);

        return $this->info->toArray($this->settings, static function (float $seconds) use ($self): void {
            $self->get()?->pause($seconds);
        });
    }

    private function pause(float $seconds): void
    {
        $nowNs = (int) hrtime(true);
        $this->pausedUntilNs = $seconds > 0 ? $nowNs + (int) ($seconds * 1e9) : min($this->pausedUntilNs, $nowNs);
    }

    private function begin(): void
    {
        $this->isBegun = true;
        $leftNs = $this->deadlineNs === 0 ? 0 : $this->deadlineNs - (int) hrtime(true);
        if ($leftNs <= 0 && $this->deadlineNs !== 0) {
            $this->fail(new TransportException("Max duration was reached for \"{$this->info->url}\"."));

            return;
        }
        $outgoing = $this->outgoing;
        $this->info->begin($outgoing);
        $this->tell(false);
        if ($this->isClosed) {
            return; // on_progress threw, or cancelled
        }
        $direct = $this->direct->of($outgoing, $this->hub);
        $informational = $this->informational;
        try {
            $request = Request::of($outgoing->method, $outgoing->url, [
                'headers' => $outgoing->headers,
                'body' => $outgoing->body,
                'stream' => true,
                'timeoutMs' => min(0x7FFFFFFF, intdiv($leftNs + 999_999, 1_000_000)),
                'onInformational' => static function (int $status, Fields $fields) use ($informational): void {
                    $informational->enqueue([$status, $fields]);
                },
            ], 0, $direct);
            $this->transfer = $this->hub->dispatcher->begin($request, $direct === [] && $this->hub->dispatcher->options->takes($outgoing->url));
        } catch (Throwable $e) {
            $this->fail($e);
        }
    }

    /** Whether there may be more to see. */
    private function step(Transfer $transfer): bool
    {
        $this->look();
        if (!$this->informational->isEmpty()) {
            [$status, $fields] = $this->informational->dequeue();
            $head = Head::of($status, $fields, $this->info->facts->protocol ?? '', $this->info->method, $transfer->isDirect);
            $this->info->head($head);
            $this->chunks[] = Chunk::informational($status, $head->headers);

            return true;
        }
        if ($this->target !== null) {
            return $this->follow($transfer, $this->target);
        }
        if ($this->head !== null) {
            return false;
        }
        if ($transfer->status !== 0) {
            $this->takeHead($transfer);

            return true;
        }
        if ($transfer->error !== null) {
            $this->fail($transfer->error);
        }

        return false;
    }

    private function takeHead(Transfer $transfer): void
    {
        $head = Head::of($transfer->status, new Fields($transfer->fields), $this->info->facts->protocol ?? '', $this->info->method, $transfer->isDirect);
        $this->head = $head;
        $this->info->head($head);
        // From here on the caller may see it, so it must not begin anew.
        $transfer->isDelivered = true;
        $location = $head->headers['location'][0] ?? null;
        $url = $location === null || $head->status < 300 || $head->status >= 400 ? null : ($this->resolve)($location, $this->info->url);
        $this->info->redirectUrl = $url;
        if ($url !== null && $this->info->redirects < $this->settings->maxRedirects) {
            $this->target = Outgoing::withoutUserinfo($url);
            $this->drainedBytes = 0;
            $this->logger?->info('Redirecting: "{http_code} {url}"', ['http_code' => $head->status, 'url' => $this->target]);

            return;
        }
        $this->chunks[] = Chunk::first();
        $this->logger?->info('Response: "{http_code} {url}" {total_time} seconds', ['http_code' => $head->status, 'url' => $this->info->url, 'total_time' => $this->info()['total_time']]);
    }

    private function follow(Transfer $transfer, string $target): bool
    {
        $this->drainedBytes += \strlen(Dispatcher::take($transfer));
        if (!$transfer->isEnded && $this->drainedBytes < self::MAX_DRAINED_BYTES) {
            return false;
        }
        Dispatcher::cancel($transfer);
        $next = $this->outgoing->redirected($transfer->status, $target);
        if ($next === null) {
            $this->fail(new TransportException("The redirect to \"{$target}\" asks for the request body once more, and it cannot be read again."));

            return false;
        }
        $this->outgoing = $next;
        $this->head = $this->target = $this->transfer = null;
        $this->begin();

        return true;
    }

    private function openContent(): void
    {
        try {
            $this->content->open($this->headers());
        } catch (Throwable $e) {
            $this->fail($e);
        }
    }

    private function data(string $octets): ?ChunkInterface
    {
        $this->info->received += \strlen($octets);
        $offset = $this->content->offset;
        try {
            return Chunk::data($offset, $this->content->take($octets, $this->info->url));
        } catch (TransportException $e) {
            $this->fail($e);

            return $this->next();
        }
    }

    private function finish(Transfer $transfer): void
    {
        $this->look();
        $this->info->trailers = (new Fields($transfer->trailers))->byName();
        $this->tell(true);
        if ($this->isClosed) {
            return; // on_progress threw
        }
        $this->content->end();
        $this->isEndPending = true;
        $this->close();
    }

    /** Takes over what the transfer knows about itself. */
    private function look(): void
    {
        if ($this->transfer !== null) {
            $this->info->facts = Failure::facts($this->transfer->facts, $this->transfer->isDirect);
            if ($this->transfer->isEnded) {
                $this->info->end();
            }
        }
        $body = $this->outgoing->body;
        $this->info->sent = \is_string($body) ? ($this->transfer === null ? 0 : \strlen($body)) : ($body instanceof CallbackBody ? $body->taken() : $this->info->sent);
    }

    /** Calls `on_progress`, where something is new or a second has passed. What it throws ends the response. */
    private function tell(bool $isEnd): void
    {
        if ($this->settings->onProgress === null || $this->isTelling || $this->isClosed) {
            return;
        }
        $nowNs = (int) hrtime(true);
        $bytes = $this->info->received + ($this->head === null ? 0 : 1);
        if (!$isEnd && $bytes === $this->toldBytes && $nowNs - $this->toldNs < self::TICK_NS) {
            return;
        }
        [$this->toldNs, $this->toldBytes, $this->isTelling] = [$nowNs, $bytes, true];
        try {
            ($this->settings->onProgress)($this->info->received, $this->info->expected, $this->info());
        } catch (Throwable $e) {
            $this->fail($e);
        } finally {
            $this->isTelling = false;
        }
    }

    private function close(): void
    {
        if (!$this->isClosed) {
            $this->isClosed = true;
            $this->look();
            $this->info->end();
            if ($this->transfer !== null) {
                Dispatcher::cancel($this->transfer);
            }
            $this->hub->remove($this);
        }
    }
}
