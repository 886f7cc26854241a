<?php

declare(strict_types=1);

namespace Hawser\Laravel;

use Closure;
use GuzzleHttp\Handler\CurlHandler;
use GuzzleHttp\Handler\CurlMultiHandler;
use GuzzleHttp\Handler\Proxy;
use GuzzleHttp\Handler\StreamHandler;
use GuzzleHttp\HandlerStack;
use Illuminate\Http\Client\PendingRequest;
use ReflectionFunction;

/**
 * A request of Laravel's HTTP client on Hawser's handler, unless the application set a handler of its own.
 *
 * @internal
 */
final class HawserPendingRequest extends PendingRequest
{
    /**
     * Laravel's pools and batches set the handler that Guzzle chooses by default; that is as good as none.
     */
    public function buildHandlerStack(): HandlerStack
    {
        if ($this->factory instanceof HawserFactory && self::isGuzzlesChoice($this->handler)) {
            $this->handler = $this->factory->hawserHandler();
        }

        return parent::buildHandlerStack();
    }

    private static function isGuzzlesChoice(mixed $handler): bool
    {
        return match (true) {
            $handler === null, $handler instanceof CurlMultiHandler, $handler instanceof CurlHandler, $handler instanceof StreamHandler => true,
            $handler instanceof Closure => (new ReflectionFunction($handler))->getClosureScopeClass()?->name === Proxy::class,
            default => false,
        };
    }
}
