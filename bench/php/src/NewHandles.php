<?php

declare(strict_types=1);

namespace HawserBench;

use CurlHandle;
use CurlMultiHandle;

/** A new handle for each request: what PHP-FPM does today, since nothing outlives a PHP request. */
final class NewHandles extends Handles
{
    public function take(): CurlHandle
    {
        return $this->make();
    }

    public function giveBack(CurlHandle $handle): void {}

    public function multi(): CurlMultiHandle
    {
        return curl_multi_init();
    }

    public function giveBackMulti(CurlMultiHandle $multi): void
    {
        curl_multi_close($multi);
    }
}
