<?php

declare(strict_types=1);

namespace HawserBench;

use CurlHandle;
use CurlMultiHandle;

/** Where a curl transport gets its handles from, and what it does with them afterwards. */
abstract class Handles
{
    public function __construct(protected readonly Target $target) {}

    abstract public function take(): CurlHandle;

    abstract public function giveBack(CurlHandle $handle): void;

    abstract public function multi(): CurlMultiHandle;

    abstract public function giveBackMulti(CurlMultiHandle $multi): void;

    /** Through a proxy on a Unix socket PHP speaks plain HTTP: TLS is the proxy's part. */
    final public function url(string $path): string
    {
        return $this->target->socket === null ? $this->target->origin . $path : 'http://localhost' . $path;
    }

    final protected function make(): CurlHandle
    {
        $handle = curl_init();
        curl_setopt_array($handle, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CONNECTTIMEOUT_MS => Target::CONNECT_TIMEOUT_MS,
            CURLOPT_TIMEOUT_MS => Target::TIMEOUT_MS,
        ] + ($this->target->socket === null
            ? [CURLOPT_CAINFO => $this->target->caFile]
            : [CURLOPT_UNIX_SOCKET_PATH => $this->target->socket]));

        return $handle;
    }
}
