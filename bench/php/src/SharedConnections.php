<?php

declare(strict_types=1);

namespace HawserBench;

use CurlHandle;
use CurlMultiHandle;

/**
 * New handles that take their connections from a share handle which outlives the PHP request: PHP's own from 8.5 on,
 * else one that this process keeps.
 */
final class SharedConnections extends Handles
{
    private const SHARED = [CURL_LOCK_DATA_CONNECT, CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_SSL_SESSION];

    private static ?object $share = null;

    /** PHP 8.5 keeps share handles between the requests of a worker. */
    public static function isPersistent(): bool
    {
        return \function_exists('curl_share_init_persistent');
    }

    public function take(): CurlHandle
    {
        $handle = $this->make();
        curl_setopt($handle, CURLOPT_SHARE, self::$share ??= self::makeShare());

        return $handle;
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

    private static function makeShare(): object
    {
        if (self::isPersistent()) {
            return ('curl_share_init_persistent')(self::SHARED);
        }
        $share = curl_share_init();
        foreach (self::SHARED as $data) {
            curl_share_setopt($share, CURLSHOPT_SHARE, $data);
        }

        return $share;
    }
}
