<?php

declare(strict_types=1);

namespace Hawser\Internal\Connection;

use Closure;
use Hawser\Exception\ErrorCode;
use Hawser\Fields;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Body\EmptySource;
use Hawser\Internal\Failure;
use Hawser\Internal\Path;
use Hawser\Internal\Transfer;
use Hawser\Internal\Wire\Codec;
use Hawser\Internal\Wire\FrameEncoder;
use Hawser\Internal\Wire\FrameReader;
use Hawser\Internal\Wire\FrameSink;
use Hawser\Internal\Wire\MalformedFrame;
use Hawser\Internal\Wire\Wire;
use Throwable;

/**
 * The exchanges of one socket, all at once, in one loop: `pump` sends what windows allow, waits, and hands out what came.
 * It calls the caller's code (body generators, informational callbacks), which may come back here: so every change of
 * state is complete before such a call.
 *
 * ```
 *   new ──HELLO+REQUEST──► greeted ──WELCOME──► welcomed ──GOAWAY──► leaving
 *    └─────────────────────────┴────────────────────┴──────────────────┴────► closed
 * ```
 *
 * @internal
 */
final class Connection implements FrameSink, Path
{
    private const AGENT = 'hawser-php/0.1';

    private readonly FrameEncoder $encoder;

    private readonly FrameReader $reader;

    private readonly int $pid;

    /** Frames to send before, and together with, the next one: HELLO. */
    private string $prelude = '';

    private int $welcomeDeadlineNs = 0;

    private bool $isWelcomed = false;

    private bool $isLeaving = false;

    private bool $isClosed = false;

    private int $lastId = 0;

    private int $maxExchanges = Wire::MAX_EXCHANGES;

    /** @var array<int, Transfer> by exchange id */
    private array $open = [];

    /** Null until an exchange has a request body that does not fit into one frame. */
    private ?Uploads $uploads = null;

    /** @var list<Transfer> begun while as many were open as the broker takes */
    private array $waiting = [];

    /**
     * @param Closure(): mixed        $onSilence called when the broker has not said WELCOME in time
     * @param (Closure(): mixed)|null $onWelcome called when it has
     */
    public function __construct(
        private readonly Socket $socket,
        Codec $codec,
        private readonly int $windowBytes,
        private readonly int $connectTimeoutMs,
        private readonly Closure $onSilence,
        private readonly ?Closure $onWelcome = null,
    ) {
        $this->pid = (int) getmypid();
        $this->encoder = new FrameEncoder($codec);
        $this->reader = new FrameReader($codec);
        $nonce = random_bytes(16);
        $this->reader->awaitWelcome($nonce, $socket->isKept);
        $this->prelude = $this->encoder->hello($nonce, $windowBytes, self::AGENT);
    }

    public function takesExchanges(): bool
    {
        return !$this->isLeaving && !$this->isClosed && $this->lastId < Wire::MAX_EXCHANGE_ID;
    }

    public function isClosed(): bool
    {
        return $this->isClosed;
    }

    public function isBusy(): bool
    {
        return $this->open !== [];
    }

    /**
     * Sends the request, or as much of it as fits into one frame; `pump` sends the rest.
     */
    public function start(Transfer $transfer): void
    {
        $transfer->path = $this;
        if (\count($this->open) >= $this->maxExchanges) {
            $this->waiting[] = $transfer;

            return;
        }
        $request = $transfer->request;
        $body = $request->body;
        $isEnd = !$body instanceof BodySource && $request->trailers === null;
        $inline = \is_string($body) ? $body : null;
        $timeoutMs = $transfer->deadlineNs === 0 ? 0 : max(1, intdiv($transfer->deadlineNs - (int) hrtime(true) + 999_999, 1_000_000));
        $id = $this->lastId + 1;
        $frame = $this->encoder->request($id, $isEnd, $timeoutMs, $request->method, $request->url, $request->fields, $inline);
        if (\strlen($frame) > Wire::MAX_FRAME_BYTES || \count($request->fields) > 2 * Wire::MAX_FIELD_LINES) {
            // The broker would close the connection over it, and with that end every other exchange.
            $transfer->fail(Failure::of(ErrorCode::RequestTooLarge, $request, 'URL and field section are longer than a frame may be'));

            return;
        }
        $this->lastId = $id;
        $transfer->id = $id;
        ++$transfer->sends;
        $this->open[$id] = $transfer;
        if (!$isEnd) {
            $transfer->upload = $body instanceof BodySource ? $body : new EmptySource();
            $transfer->sendWindow = Wire::INITIAL_WINDOW_BYTES - \strlen($inline ?? '');
            $this->uploads ??= new Uploads($this->socket, $this->encoder);
            $this->uploads->add($transfer);
        }
        if ($this->prelude !== '') {
            $frame = $this->prelude . $frame;
            $this->prelude = '';
            $this->welcomeDeadlineNs = (int) hrtime(true) + $this->connectTimeoutMs * 1_000_000;
        }
        $transfer->requestEnd = $this->socket->write($frame);
    }

    public function pump(int $untilNs): bool
    {
        $waitUntilNs = $this->send($untilNs);
        if ($this->isClosed) {
            return true;
        }
        $octets = $this->socket->read($waitUntilNs);
        if ($octets === null) {
            $this->lose($this->isWelcomed ? 'the broker closed the connection' : 'the broker closed the connection before WELCOME', false);

            return true;
        }
        if ($octets !== '') {
            try {
                $missing = $this->reader->feed($octets, $this);
            } catch (MalformedFrame $e) {
                $this->lose($e->getMessage(), false);

                return true;
            }
            if ($missing > 0) {
                $this->socket->expect($missing);
            }

            return true;
        }
        if (!$this->isWelcomed && (int) hrtime(true) >= $this->welcomeDeadlineNs) {
            ($this->onSilence)();
            $this->lose(\sprintf('the broker did not say WELCOME within %d ms', $this->connectTimeoutMs), true);

            return true;
        }

        return $waitUntilNs === 1;
    }

    /**
     * Sends of the request bodies what windows and the socket take now. Returns until when the broker may be waited for
     * before there is something to do here.
     *
     * @param int $untilNs as long as the caller wants to wait, on the clock of hrtime(); 0: no limit, 1: not at all
     */
    public function send(int $untilNs): int
    {
        if ($this->uploads !== null && !$this->isClosed && $this->uploads->send()) {
            return 1;
        }
        if (!$this->isWelcomed && ($untilNs === 0 || $untilNs > $this->welcomeDeadlineNs)) {
            return $this->welcomeDeadlineNs;
        }

        return $untilNs;
    }

    /**
     * The socket, to wait for it together with others.
     *
     * @return resource|null null: it is closed
     */
    public function stream(): mixed
    {
        return $this->isClosed ? null : $this->socket->stream();
    }

    /** Whether to wait for room on the socket as well. */
    public function hasUnsent(): bool
    {
        return $this->socket->hasUnsent();
    }

    public function cancel(Transfer $transfer): void
    {
        if ($this->pid !== getmypid()) {
            return; // a forked child drops its copies of its parent's handles
        }
        $at = array_search($transfer, $this->waiting, true);
        if ($at !== false) {
            array_splice($this->waiting, $at, 1);
        }
        if (isset($this->open[$transfer->id]) && $this->open[$transfer->id] === $transfer) {
            $this->write($this->encoder->cancel($transfer->id));
            $this->forget($transfer);
        }
    }

    public function consumed(Transfer $transfer, int $bytes): void
    {
        $transfer->ungrantedBytes += $bytes;
        if ($transfer->ungrantedBytes >= $this->windowBytes >> 1 && isset($this->open[$transfer->id])) {
            $this->grant($transfer);
        }
    }

    /**
     * Closes this process's end without a word to the broker. Open exchanges fail.
     */
    public function abandon(string $reason): void
    {
        $this->isClosed = true;
        $this->socket->close();
        foreach ([...$this->open, ...$this->waiting] as $transfer) {
            $transfer->fail(Failure::brokerGone($transfer->request, $reason, false));
        }
        $this->open = $this->waiting = [];
        $this->uploads?->clear();
    }

    /**
     * The PHP request is about to end. After a fatal error no destructor cancels what is open.
     */
    public function endRequest(bool $isFatal): void
    {
        if ($this->isClosed) {
            return;
        }
        if ($this->socket->isMidFrame()) {
            $this->isClosed = true;
            $this->socket->close();
        } elseif ($isFatal) {
            foreach ($this->open as $transfer) {
                $this->cancel($transfer);
            }
        }
    }

    public function onWelcome(int $maxExchanges, int $maxFrameBytes): void
    {
        $this->isWelcomed = true;
        $this->maxExchanges = $maxExchanges;
        if ($this->onWelcome !== null) {
            ($this->onWelcome)();
        }
    }

    public function onResponse(int $id, bool $isEnd, int $status, array $fields, string $body, array $facts): void
    {
        $transfer = $this->open[$id] ?? $this->passOver($id);
        if ($transfer === null) {
            return;
        }
        if ($transfer->status !== 0) {
            throw new MalformedFrame('the broker sent RESPONSE twice for one exchange');
        }
        $transfer->status = $status;
        $transfer->fields = $fields;
        $transfer->body = $body;
        $transfer->facts = $facts;
        if ($isEnd) {
            $this->finish($transfer);
        } elseif (!$transfer->request->isStreamed && $body !== '') {
            $this->consumed($transfer, \strlen($body));
        }
    }

    public function onData(int $id, string $payload): void
    {
        $transfer = $this->open[$id] ?? $this->passOver($id);
        if ($transfer === null) {
            return;
        }
        $this->expectHead($transfer, 'DATA');
        $transfer->body .= $payload;
        if (!$transfer->request->isStreamed) {
            $this->consumed($transfer, \strlen($payload));
        } elseif (\strlen($transfer->body) > $this->windowBytes) {
            throw new MalformedFrame('the broker sent more body than the window allows');
        }
    }

    public function onEnd(int $id, array $trailers, ?array $facts): void
    {
        $transfer = $this->open[$id] ?? $this->passOver($id);
        if ($transfer === null) {
            return;
        }
        $this->expectHead($transfer, 'END');
        $transfer->trailers = $trailers;
        $transfer->facts = $facts ?? $transfer->facts;
        $this->finish($transfer);
    }

    public function onWindow(int $id, int $increment): void
    {
        $transfer = $this->open[$id] ?? $this->passOver($id);
        if ($transfer === null) {
            return;
        }
        $transfer->sendWindow += $increment;
        if ($transfer->sendWindow > Wire::MAX_WINDOW_BYTES) {
            throw new MalformedFrame('the broker let a window grow past its bound');
        }
    }

    public function onInformational(int $id, int $status, array $fields): void
    {
        $transfer = $this->open[$id] ?? $this->passOver($id);
        if ($transfer?->request->onInformational !== null) {
            try {
                ($transfer->request->onInformational)($status, new Fields($fields));
            } catch (Throwable $e) {
                $this->cancel($transfer);
                $transfer->fail($e);
            }
        }
    }

    public function onError(int $id, int $code, string $name, string $message, bool $isUnprocessed, string $source, ?array $facts): void
    {
        $isBrokerFull = $code === ErrorCode::BrokerDraining->value || $code === ErrorCode::TooManyConnections->value;
        if ($id !== 0) {
            $transfer = $this->open[$id] ?? $this->passOver($id);
            if ($transfer === null) {
                return;
            }
            if ($isBrokerFull && $isUnprocessed) {
                $this->leave([$transfer], $code !== ErrorCode::BrokerDraining->value, $message);

                return;
            }
            $this->forget($transfer);
            $transfer->fail(Failure::fromWire($transfer->request, $code, $name, $message, $isUnprocessed, $source, Failure::facts($facts, false)));
            $this->startWaiting();

            return;
        }
        if ($isBrokerFull && $isUnprocessed) {
            $this->lose($message, $code !== ErrorCode::BrokerDraining->value, true);

            return;
        }
        $transfers = $this->close();
        foreach ($transfers as $transfer) {
            $transfer->fail(Failure::fromWire($transfer->request, $code, $name, $message, $isUnprocessed || $transfer->id === 0, $source, Failure::facts($facts, false)));
        }
    }

    public function onPing(string $payload): void
    {
        $this->write($this->encoder->pong($payload));
    }

    public function onPong(string $payload): void {}

    public function onGoaway(int $lastExchangeId, string $reason): void
    {
        $this->leave(array_filter($this->open, static fn(int $id): bool => $id > $lastExchangeId, ARRAY_FILTER_USE_KEY), false, 'the broker is draining');
    }

    private function grant(Transfer $transfer): void
    {
        $increment = $transfer->ungrantedBytes;
        $transfer->ungrantedBytes = 0;
        $this->write($this->encoder->window($transfer->id, $increment));
    }

    private function write(string $frame): void
    {
        if (!$this->isClosed) {
            $this->socket->write($frame);
        }
    }

    /** Frames of an exchange that has ended come late and are skipped. */
    private function passOver(int $id): null
    {
        return $id <= $this->lastId ? null : throw new MalformedFrame("the broker sent a frame for exchange {$id}, which was never begun");
    }

    private function expectHead(Transfer $transfer, string $frame): void
    {
        if ($transfer->status === 0) {
            throw new MalformedFrame("the broker sent {$frame} before RESPONSE");
        }
    }

    private function finish(Transfer $transfer): void
    {
        if ($transfer->upload !== null) {
            // The answer is whole, so the rest of the request is of no use to anyone.
            $this->write($this->encoder->cancel($transfer->id));
            $transfer->upload = null;
        }
        $transfer->isEnded = true;
        $this->forget($transfer);
        if ($this->waiting !== []) {
            $this->startWaiting();
        }
    }

    private function forget(Transfer $transfer): void
    {
        unset($this->open[$transfer->id]);
        $this->uploads?->remove($transfer);
        if ($this->isLeaving) {
            $this->closeIfDone();
        }
    }

    private function startWaiting(): void
    {
        while ($this->waiting !== [] && !$this->isClosed && \count($this->open) < $this->maxExchanges) {
            $this->start(array_shift($this->waiting));
        }
    }

    /**
     * Nothing new goes here any more: these exchanges, which the broker did not process, and those that wait go elsewhere.
     *
     * @param array<int, Transfer> $unprocessed
     */
    private function leave(array $unprocessed, bool $isBrokerAway, string $reason): void
    {
        $this->isLeaving = true;
        foreach ($unprocessed as $transfer) {
            unset($this->open[$transfer->id]);
            $this->uploads?->remove($transfer);
        }
        $unprocessed = [...array_values($unprocessed), ...$this->waiting];
        $this->waiting = [];
        $this->closeIfDone();
        foreach ($unprocessed as $transfer) {
            $transfer->owner->recover($transfer, true, $isBrokerAway, $reason);
        }
    }

    private function closeIfDone(): void
    {
        if ($this->open === []) {
            $this->close();
        }
    }

    /**
     * @return list<Transfer> those that had not ended
     */
    private function close(): array
    {
        $transfers = [...array_values($this->open), ...$this->waiting];
        $this->open = $this->waiting = [];
        $this->uploads?->clear();
        $this->isClosed = true;
        $this->socket->close();

        return $transfers;
    }

    /** The connection is of no use any more: each open exchange is recovered, or fails. */
    private function lose(string $reason, bool $isBrokerAway, bool $isUnprocessed = false): void
    {
        $written = $this->socket->writtenBytes();
        foreach ($this->close() as $transfer) {
            $transfer->owner->recover($transfer, $isUnprocessed || $transfer->requestEnd > $written, $isBrokerAway, $reason);
        }
    }
}
