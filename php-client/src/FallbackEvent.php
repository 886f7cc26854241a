<?php

declare(strict_types=1);

namespace Hawser;

/**
 * What `ClientOptions::$onFallback` is told: one request leaves the broker's path because the broker is away.
 */
final readonly class FallbackEvent
{
    /**
     * @param string $method    method of the request
     * @param string $url       its URL without query and fragment, which may hold secrets
     * @param string $reason    why the broker was not used, in words for a log
     * @param bool   $isAllowed it goes direct; false: `maxDirectPerSecond` was reached, and it fails
     */
    public function __construct(
        public string $method,
        public string $url,
        public string $reason,
        public bool $isAllowed,
    ) {}
}
