<?php

declare(strict_types=1);

namespace HawserBench;

use Hawser\Internal\Wire\FrameSink;

/** Takes frames and forgets them. */
final class NullSink implements FrameSink
{
    public int $responses = 0;

    public function onWelcome(int $maxExchanges, int $maxFrameBytes): void {}

    public function onResponse(int $id, bool $isEnd, int $status, array $fields, string $body, array $facts): void
    {
        $this->responses++;
    }

    public function onData(int $id, string $payload): void {}

    public function onEnd(int $id, array $trailers, ?array $facts): void {}

    public function onWindow(int $id, int $increment): void {}

    public function onInformational(int $id, int $status, array $fields): void {}

    public function onError(int $id, int $code, string $name, string $message, bool $isUnprocessed, string $source, ?array $facts): void {}

    public function onPing(string $payload): void {}

    public function onPong(string $payload): void {}

    public function onGoaway(int $lastExchangeId, string $reason): void {}
}
