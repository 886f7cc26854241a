<?php

declare(strict_types=1);

namespace Hawser;

/**
 * How an exchange went. Times are whole microseconds; -1 where there is none.
 */
final readonly class Facts
{
    /**
     * @param string $protocol      `h2` or `http/1.1`, on the direct path also `http/1.0`; empty where no session was reached
     * @param string $session       `reused`, or why a new session was opened; `direct` for a new connection of the direct path
     * @param int    $attempts      tries on a session
     * @param string $cache         cache status in the words of RFC 9211; empty where the cache was not asked
     * @param int    $queueUs       time spent waiting for a session
     * @param int    $connectUs     time spent connecting
     * @param int    $firstByteUs   from the start of the exchange to the first byte of the response
     * @param int    $totalUs       the whole exchange
     * @param string $remoteAddress address and port really connected to; empty where none
     * @param bool   $isDirect      true where the exchange did not go through the broker
     */
    public function __construct(
        public string $protocol = '',
        public string $session = '',
        public int $attempts = 0,
        public string $cache = '',
        public int $queueUs = -1,
        public int $connectUs = -1,
        public int $firstByteUs = -1,
        public int $totalUs = -1,
        public string $remoteAddress = '',
        public bool $isDirect = false,
    ) {}
}
