<?php

declare(strict_types=1);

namespace Hawser\Exception;

use Hawser\Facts;
use Psr\Http\Client\ClientExceptionInterface;

/**
 * Marks everything this package throws. A 4xx or 5xx answer is a response and never an exception.
 */
interface HawserException extends ClientExceptionInterface
{
    /**
     * Stable name of what went wrong, as in docs/protocol/error-codes.md: `connect_refused`, `deadline_exceeded`, …
     * What only a client can meet has a name outside that table: `broker_unavailable`, `broker_gone`, `cancelled`,
     * `invalid_argument`.
     */
    public function errorName(): string;

    /**
     * Number of the error in docs/protocol/error-codes.md; 0 where the name is outside that table.
     */
    public function errorNumber(): int;

    /**
     * `no`: the origin provably did not act on the request, so it may be sent again whatever its method.
     * `maybe`: it may have.
     *
     * @return 'no'|'maybe'
     */
    public function processed(): string;

    /**
     * Where it arose: `client`, `broker`, `connect` or `origin`.
     */
    public function source(): string;

    /**
     * What is known about how the exchange went; null where it never got that far.
     */
    public function facts(): ?Facts;
}
