<?php

declare(strict_types=1);

namespace Hawser\Internal\Connection;

use Hawser\Internal\Transfer;
use Hawser\Internal\Wire\FrameEncoder;
use Throwable;

/**
 * The request bodies under way on one connection. They take turns, a frame each, as far as their windows allow.
 *
 * @internal
 */
final class Uploads
{
    /** @var array<int, Transfer> by exchange id */
    private array $transfers = [];

    public function __construct(private readonly Socket $socket, private readonly FrameEncoder $encoder) {}

    public function add(Transfer $transfer): void
    {
        $this->transfers[$transfer->id] = $transfer;
    }

    public function remove(Transfer $transfer): void
    {
        unset($this->transfers[$transfer->id]);
    }

    public function clear(): void
    {
        $this->transfers = [];
    }

    /**
     * Sends one DATA frame, or the END, of each body that has room and is not being read already. Runs the caller's code;
     * what that throws ends its exchange. Returns whether any could go on at once, or has ended.
     */
    public function send(): bool
    {
        $isMore = false;
        foreach ($this->transfers as $transfer) {
            if ($this->socket->hasUnsent()) {
                return false;
            }
            if (!$transfer->isPulling && $transfer->sendWindow > 0 && $this->has($transfer)) {
                $isMore = $this->sendNext($transfer) || $isMore;
            }
        }

        return $isMore && !$this->socket->hasUnsent();
    }

    private function sendNext(Transfer $transfer): bool
    {
        $id = $transfer->id;
        $transfer->isPulling = true;
        try {
            $payload = $transfer->upload?->take(min($transfer->sendWindow, FrameEncoder::pieceBytes($id))) ?? '';
            $trailers = $payload === '' ? $transfer->request->trailers() : [];
        } catch (Throwable $e) {
            $transfer->path?->cancel($transfer);
            $transfer->fail($e);

            return true; // whoever waits for it must not wait for the broker
        } finally {
            $transfer->isPulling = false;
        }
        if (!$this->has($transfer) || $transfer->id !== $id) {
            return true; // it ended while the caller's code ran
        }
        if ($payload === '') {
            $this->remove($transfer);
            $transfer->upload = null;
            $this->socket->write($this->encoder->end($id, $trailers));

            return false;
        }
        $transfer->sendWindow -= \strlen($payload);
        $this->socket->write($this->encoder->data($id, $payload));

        return $transfer->sendWindow > 0;
    }

    /** Changes while the caller's code runs. */
    private function has(Transfer $transfer): bool
    {
        return ($this->transfers[$transfer->id] ?? null) === $transfer;
    }
}
