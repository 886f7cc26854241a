<?php

declare(strict_types=1);

namespace Hawser\Internal;

/**
 * What drives transfers to their end: a connection to the broker, or curl.
 *
 * @internal
 */
interface Path
{
    /**
     * Lets every transfer of this path go on. Returns as soon as one of them did, and at `$untilNs` at the latest.
     *
     * @param int $untilNs on the clock of hrtime(); 0: no limit
     *
     * @return bool whether any did
     */
    public function pump(int $untilNs): bool;

    /**
     * The caller gives the transfer up. It gets nothing more.
     */
    public function cancel(Transfer $transfer): void;

    /**
     * The caller took this many octets of a streamed body.
     */
    public function consumed(Transfer $transfer, int $bytes): void;
}
