<?php

declare(strict_types=1);

namespace Hawser;

use Hawser\Exception\HawserException;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Transfer;

/**
 * A request that is under way. Dropping it before it has ended cancels it at the origin.
 */
final class Exchange
{
    private ?Response $response = null;

    /**
     * @internal made by Client::start()
     */
    public function __construct(private readonly Transfer $transfer, private readonly Dispatcher $dispatcher) {}

    public function __destruct()
    {
        if ($this->response === null) {
            $this->cancel();
        }
    }

    /**
     * Waits for the response: the whole of it, or its head where the request said `stream`. Every call returns the same
     * response, or throws the same exception.
     *
     * @throws HawserException
     */
    public function response(): Response
    {
        if ($this->response === null) {
            $this->wait();
            $this->response = $this->dispatcher->deliver($this->transfer);
        }

        return $this->response;
    }

    /**
     * Waits as `response` does, and throws nothing.
     */
    public function wait(): void
    {
        $this->dispatcher->await($this->transfer);
    }

    /**
     * Whether the exchange has ended, well or badly, so that `response` does not wait. Does not look at the socket.
     */
    public function isEnded(): bool
    {
        return $this->transfer->isEnded;
    }

    /**
     * Gives the exchange up; `response` then throws. Does nothing where it has ended.
     */
    public function cancel(): void
    {
        Dispatcher::cancel($this->transfer);
    }
}
