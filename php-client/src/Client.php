<?php

declare(strict_types=1);

namespace Hawser;

use Hawser\Exception\HawserException;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Request;
use Hawser\Internal\Transfer;

/**
 * Sends HTTP requests through the broker, many at once on one socket, and directly while the broker is away.
 *
 * Cheap to make and safe to keep: all clients of a PHP process that name the same socket share one connection to it.
 */
final class Client
{
    private readonly Dispatcher $dispatcher;

    /**
     * @param ClientOptions|null $options null: the defaults and the environment
     *
     * @throws InvalidArgumentException where the environment holds a value that is not allowed
     */
    public function __construct(?ClientOptions $options = null)
    {
        $this->dispatcher = new Dispatcher($options ?? ClientOptions::fromEnvironment());
    }

    /**
     * Sends a request and waits for the response: the whole of it, or its head where `stream` is true. Redirects are not
     * followed, and a 4xx or 5xx is a response like any other.
     *
     * Options:
     * - `headers`: `name => value`, `name => [value, …]`, or `[name, value]`; order and repeats are kept.
     * - `body`: string, stream resource, iterable of strings, or `Closure(int $maxBytes): string` that returns an empty
     *   string at the end. Up to 256 KiB of a string are sent in one frame; the rest is read as the origin takes it.
     * - `timeoutMs`: time for the whole exchange, body included; 0 leaves it to the broker. Default: that of the client,
     *   and never more than what is left of `max_execution_time`.
     * - `connectTimeoutMs`: of that, time for a connection of the direct path; 0: no less than the whole. Default 10000.
     *   The broker's connections have their own (`timeouts.connect`), since exchanges share them.
     * - `stream`: true to read the body while it comes. Default false.
     * - `trailers`: fields after the body, as `headers`, or a Closure that returns them once the body is sent.
     * - `onInformational`: `callable(int $status, Fields $fields)`, called for each 1xx response.
     *
     * @param string                  $url     absolute, http or https, without userinfo and fragment
     * @param array<array-key, mixed> $options
     *
     * @throws HawserException
     */
    public function request(string $method, string $url, array $options = []): Response
    {
        $transfer = $this->begin($method, $url, $options);
        $this->dispatcher->await($transfer);

        return $this->dispatcher->deliver($transfer);
    }

    /**
     * Sends a request and returns at once. What goes wrong on the way is thrown by `Exchange::response()`.
     *
     * A request body that does not fit into one frame is sent while anything of this client is waited for.
     *
     * @param array<array-key, mixed> $options as in `request`
     *
     * @throws InvalidArgumentException for an option that is unknown or wrong
     */
    public function start(string $method, string $url, array $options = []): Exchange
    {
        return new Exchange($this->begin($method, $url, $options), $this->dispatcher);
    }

    /**
     * Waits for all exchanges and returns their responses under the same keys. Where some failed, it throws what the
     * first of them threw, after all have ended; the others' `Exchange::response()` still returns theirs.
     *
     * @template TKey of array-key
     *
     * @param array<TKey, Exchange> $exchanges
     *
     * @return array<TKey, Response>
     *
     * @throws HawserException
     */
    public function all(array $exchanges): array
    {
        foreach ($exchanges as $exchange) {
            $exchange->wait();
        }
        $responses = [];
        foreach ($exchanges as $key => $exchange) {
            $responses[$key] = $exchange->response();
        }

        return $responses;
    }

    /**
     * @internal for the other APIs of this package, which run on it
     */
    public function dispatcher(): Dispatcher
    {
        return $this->dispatcher;
    }

    /**
     * @param array<array-key, mixed> $options
     */
    private function begin(string $method, string $url, array $options): Transfer
    {
        $defaults = $this->dispatcher->options;

        return $this->dispatcher->begin(Request::of($method, $url, $options, $defaults->timeoutMs), $defaults->takes($url));
    }
}
