<?php

declare(strict_types=1);

namespace Hawser\Laravel;

use Closure;
use Hawser\Guzzle\HawserHandler;
use Illuminate\Contracts\Events\Dispatcher;
use Illuminate\Http\Client\Factory;
use Illuminate\Http\Client\PendingRequest;

/**
 * Laravel's HTTP client with Hawser's handler under every request; fakes, middleware, events and pools are Laravel's.
 */
final class HawserFactory extends Factory
{
    /**
     * @param Closure(): HawserHandler $handler asked when the first request is made, so that one that is faked needs none
     */
    public function __construct(private readonly Closure $handler, ?Dispatcher $dispatcher = null)
    {
        parent::__construct($dispatcher);
    }

    public function hawserHandler(): HawserHandler
    {
        return ($this->handler)();
    }

    protected function newPendingRequest(): PendingRequest
    {
        $options = value($this->globalOptions);

        return (new HawserPendingRequest($this, $this->globalMiddleware))->withOptions(\is_array($options) ? $options : []);
    }
}
