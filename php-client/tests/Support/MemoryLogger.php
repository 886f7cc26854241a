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
        $line = (string) $message;
        foreach ($context as $name => $value) {
            $line = str_replace('{' . $name . '}', \is_string($value) ? $value : '', $line);
        }
        $this->lines[] = (\is_string($level) ? $level : '') . ": {$line}";
    }
}
