<?php

declare(strict_types=1);

namespace Hawser\Internal;

/**
 * Decides what becomes of a transfer whose connection is gone.
 *
 * @internal
 */
interface Recovery
{
    /**
     * Sends the transfer again where that is safe, or fails it.
     *
     * @param bool   $isUnprocessed the origin provably did not act on it
     * @param bool   $isBrokerAway  trying the broker once more makes no sense
     * @param string $reason        what happened, for a message
     */
    public function recover(Transfer $transfer, bool $isUnprocessed, bool $isBrokerAway, string $reason): void;
}
