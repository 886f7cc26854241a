<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Psr\Log\AbstractLogger;
use Stringable;

/**
 * Keeps what is logged.
 */
final class MemoryLogger extends AbstractLogger
{
    /** @var list<string> */
    public array $lines = [];

    /**
     * @param mixed        $level
     * @param array<mixed> $context
     */
    public function log($level, string|Stringable $message, array $context = []): void
    {
        $reason = $context['reason'] ?? '';
        $this->lines[] = (\is_string($level) ? $level : '') . ': ' . strtr((string) $message, ['{reason}' => \is_string($reason) ? $reason : '']);
    }
}
