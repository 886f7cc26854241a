<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * Takes the frames of the broker, one call each, checked and in order. There is no object per frame.
 *
 * Fields are `name, value, name, value, …`. Facts are the nine elements of docs/protocol/wire-protocol.md section 1.
 *
 * @internal
 *
 * @phpstan-type FactList array{string, string, int, string, int, int, int, int, string, ...}
 */
interface FrameSink
{
    public function onWelcome(int $maxExchanges, int $maxFrameBytes): void;

    /**
     * @param list<string> $fields
     * @param FactList     $facts
     */
    public function onResponse(int $id, bool $isEnd, int $status, array $fields, string $body, array $facts): void;

    public function onData(int $id, string $payload): void;

    /**
     * @param list<string>  $trailers
     * @param FactList|null $facts
     */
    public function onEnd(int $id, array $trailers, ?array $facts): void;

    public function onWindow(int $id, int $increment): void;

    /**
     * @param list<string> $fields
     */
    public function onInformational(int $id, int $status, array $fields): void;

    /**
     * @param FactList|null $facts
     */
    public function onError(int $id, int $code, string $name, string $message, bool $isUnprocessed, string $source, ?array $facts): void;

    public function onPing(string $payload): void;

    public function onPong(string $payload): void;

    public function onGoaway(int $lastExchangeId, string $reason): void;
}
