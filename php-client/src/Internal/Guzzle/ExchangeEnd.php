<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use RuntimeException;
use Throwable;

/**
 * Carries a failure that is on Guzzle's own type already out of an exchange.
 *
 * @internal
 */
final class ExchangeEnd extends RuntimeException
{
    public function __construct(public readonly Throwable $failure)
    {
        parent::__construct($failure->getMessage(), 0, $failure);
    }
}
