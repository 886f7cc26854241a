<?php

declare(strict_types=1);

namespace HawserBench;

use CurlHandle;
use CurlMultiHandle;

/** Handles that live as long as the process, and their connections with them: what a long-running worker can do. */
final class KeptHandles extends Handles
{
    private static ?CurlTransport $transport = null;

    /** @var list<CurlHandle> */
    private array $idle = [];

    private ?CurlMultiHandle $multi = null;

    public static function transport(Target $target): CurlTransport
    {
        return self::$transport ??= new CurlTransport(new self($target));
    }

    public function take(): CurlHandle
    {
        return array_pop($this->idle) ?? $this->make();
    }

    public function giveBack(CurlHandle $handle): void
    {
        $this->idle[] = $handle;
    }

    public function multi(): CurlMultiHandle
    {
        return $this->multi ??= curl_multi_init();
    }

    public function giveBackMulti(CurlMultiHandle $multi): void {}
}
