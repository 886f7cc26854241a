<?php

declare(strict_types=1);

namespace HawserBench;

/**
 * One way of sending requests, as an application holds it during one PHP request. What outlives a PHP request in the
 * contender (a share handle, a persistent socket) is static in the class.
 */
interface Transport
{
    /**
     * Sends a GET and waits for the whole body; returns its octets.
     *
     * @throws \Throwable where the exchange fails or the status is not 200
     */
    public function get(string $path): int;

    /**
     * Sends that many GETs at once, waits for all, and returns the octets of all bodies.
     *
     * @throws \Throwable
     */
    public function fanOut(string $path, int $count): int;

    /**
     * Sends a POST with a body of that many octets; returns the octets of the response.
     *
     * @throws \Throwable
     */
    public function upload(string $path, int $bytes): int;
}
