<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Hawser\Internal\Wire\FrameSink;

/**
 * Writes frames down in the form of docs/protocol/vectors/README.md.
 */
final class RecordingSink implements FrameSink
{
    private const FACTS = ['protocol', 'session', 'attempts', 'cache', 'queueUs', 'connectUs', 'firstByteUs', 'totalUs', 'remoteAddress'];

    /** @var list<array<string, mixed>> */
    public array $frames = [];

    public function onWelcome(int $maxExchanges, int $maxFrameBytes): void
    {
        $this->frames[] = ['type' => 'WELCOME', 'maxExchanges' => $maxExchanges, 'maxFrameBytes' => $maxFrameBytes];
    }

    public function onResponse(int $id, bool $isEnd, int $status, array $fields, string $body, array $facts): void
    {
        $this->frames[] = ['type' => 'RESPONSE', 'exchangeId' => $id, 'end' => $isEnd, 'status' => $status, 'fields' => $fields, 'body' => $body, 'facts' => $this->facts($facts)];
    }

    public function onData(int $id, string $payload): void
    {
        $this->frames[] = ['type' => 'DATA', 'exchangeId' => $id, 'payload' => $payload];
    }

    public function onEnd(int $id, array $trailers, ?array $facts): void
    {
        $this->frames[] = ['type' => 'END', 'exchangeId' => $id, 'trailers' => $trailers, 'facts' => $this->facts($facts)];
    }

    public function onWindow(int $id, int $increment): void
    {
        $this->frames[] = ['type' => 'WINDOW', 'exchangeId' => $id, 'increment' => $increment];
    }

    public function onInformational(int $id, int $status, array $fields): void
    {
        $this->frames[] = ['type' => 'INFORMATIONAL', 'exchangeId' => $id, 'status' => $status, 'fields' => $fields];
    }

    public function onError(int $id, int $code, string $name, string $message, bool $isUnprocessed, string $source, ?array $facts): void
    {
        $this->frames[] = ['type' => 'ERROR', 'exchangeId' => $id, 'code' => $code, 'name' => $name, 'message' => $message, 'processed' => $isUnprocessed ? 'no' : 'maybe', 'source' => $source, 'facts' => $this->facts($facts)];
    }

    public function onPing(string $payload): void
    {
        $this->frames[] = ['type' => 'PING', 'payload' => $payload];
    }

    public function onPong(string $payload): void
    {
        $this->frames[] = ['type' => 'PONG', 'payload' => $payload];
    }

    public function onGoaway(int $lastExchangeId, string $reason): void
    {
        $this->frames[] = ['type' => 'GOAWAY', 'lastExchangeId' => $lastExchangeId, 'reason' => $reason];
    }

    /**
     * @param array<array-key, mixed>|null $facts
     *
     * @return array<string, mixed>|null
     */
    private function facts(?array $facts): ?array
    {
        return $facts === null ? null : array_combine(self::FACTS, \array_slice($facts, 0, \count(self::FACTS)));
    }
}
