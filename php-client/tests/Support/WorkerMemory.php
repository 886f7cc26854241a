<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Hawser\Exchange;
use Hawser\Internal\Connection\Connection;
use Hawser\Internal\Connection\Link;
use Hawser\Internal\Outage;
use Hawser\Internal\Transfer;
use ReflectionProperty;

/**
 * What a PHP-FPM worker loses between two PHP requests: all static state. Its persistent streams it keeps.
 */
final class WorkerMemory
{
    /**
     * @param bool $isEnd the worker itself ends: its streams are closed too
     */
    public static function forget(bool $isEnd = false): void
    {
        $links = new ReflectionProperty(Link::class, 'links');
        $all = $links->getValue();
        foreach ($isEnd && \is_array($all) ? $all : [] as $link) {
            if (!$link instanceof Link) {
                continue;
            }
            $connection = (new ReflectionProperty(Link::class, 'connection'))->getValue($link);
            if ($connection instanceof Connection) {
                $connection->abandon('the worker ended');
            }
            $path = (new ReflectionProperty(Link::class, 'path'))->getValue($link);
            @unlink(Outage::file(\is_string($path) ? $path : ''));
        }
        $links->setValue(null, []);
    }

    /**
     * The PHP request is killed while this exchange is open: no destructor and no shutdown function runs.
     *
     * @param bool $hasRead it had waited for a moment: read what was there, written what there was room for
     */
    public static function dieWith(Exchange $exchange, bool $hasRead): void
    {
        $transfer = (new ReflectionProperty(Exchange::class, 'transfer'))->getValue($exchange);
        if ($transfer instanceof Transfer) {
            $endNs = (int) hrtime(true) + ($hasRead ? 10_000_000 : 0);
            while ((int) hrtime(true) < $endNs) {
                $transfer->path?->pump($endNs);
            }
            $transfer->isEnded = true;
        }
        self::forget();
    }
}
