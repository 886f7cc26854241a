<?php

declare(strict_types=1);

namespace Hawser\Exception;

use Hawser\Facts;

/**
 * An option of the client or of one request is unknown or has a value that is not allowed. Nothing was sent.
 */
final class InvalidArgumentException extends \InvalidArgumentException implements HawserException
{
    public function errorName(): string
    {
        return 'invalid_argument';
    }

    public function errorNumber(): int
    {
        return 0;
    }

    public function processed(): string
    {
        return 'no';
    }

    public function source(): string
    {
        return 'client';
    }

    public function facts(): ?Facts
    {
        return null;
    }
}
