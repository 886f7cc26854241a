<?php

declare(strict_types=1);

namespace Hawser;

use Generator;
use Hawser\Exception\HawserException;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Failure;
use Hawser\Internal\Transfer;
use IteratorAggregate;

/**
 * A final response (RFC 9110 section 15), whatever its status.
 *
 * With the request option `stream` the body is read while it comes: `read`, or a loop over the response. What is not
 * read holds the origin back, and dropping the response before its end cancels the exchange. Without the option the
 * body is here already, and the same calls work on it.
 *
 * @implements IteratorAggregate<int, string>
 */
final class Response implements IteratorAggregate
{
    private ?Fields $fields = null;

    private ?Facts $facts = null;

    /** What of the body came and is being read. */
    private string $chunk = '';

    private int $at = 0;

    /**
     * @internal made by Client and Exchange
     */
    public function __construct(private readonly Transfer $transfer, private readonly Dispatcher $dispatcher) {}

    public function __destruct()
    {
        if (!$this->transfer->isEnded) {
            $this->cancel();
        }
    }

    /**
     * The status code, 200 to 599.
     */
    public function status(): int
    {
        return $this->transfer->status;
    }

    /**
     * The header fields.
     */
    public function headers(): Fields
    {
        return $this->fields ??= new Fields($this->transfer->fields);
    }

    /**
     * The value of a header field; several are joined by a comma and a space. Null where there is none.
     */
    public function header(string $name): ?string
    {
        return $this->headers()->get($name);
    }

    /**
     * The body: the whole of it, or of a streamed one what has not been read yet.
     *
     * @throws HawserException where a streamed body does not come to its end
     */
    public function body(): string
    {
        if (!$this->transfer->request->isStreamed) {
            return $this->transfer->body;
        }
        $body = '';
        while (($octets = $this->read(\PHP_INT_MAX)) !== '') {
            $body .= $octets;
        }

        return $body;
    }

    /**
     * The next octets of the body, as many as are here and at most `$maxBytes`; waits where there are none. An empty
     * string is the end.
     *
     * @throws HawserException where a streamed body does not come to its end
     */
    public function read(int $maxBytes): string
    {
        $transfer = $this->transfer;
        if (!$transfer->request->isStreamed) {
            $octets = substr($transfer->body, $this->at, max(1, $maxBytes));
            $this->at += \strlen($octets);

            return $octets;
        }
        if ($this->at === \strlen($this->chunk)) {
            $this->dispatcher->awaitBody($transfer);
            if ($transfer->body === '' && $transfer->error !== null) {
                throw $transfer->error;
            }
            $this->chunk = $transfer->body;
            $this->at = 0;
            $transfer->body = '';
        }
        $octets = $this->at === 0 && $maxBytes >= \strlen($this->chunk) ? $this->chunk : substr($this->chunk, $this->at, max(1, $maxBytes));
        $this->at += \strlen($octets);
        if (!$transfer->isEnded && $octets !== '') {
            $transfer->path?->consumed($transfer, \strlen($octets));
        }

        return $octets;
    }

    /**
     * The body in pieces, each as large as it came.
     *
     * @return Generator<int, string>
     *
     * @throws HawserException where a streamed body does not come to its end
     */
    public function getIterator(): Generator
    {
        while (($octets = $this->read(64 * 1024)) !== '') {
            yield $octets;
        }
    }

    /**
     * The trailer fields. Those of a streamed response are here once its body is read to the end.
     */
    public function trailers(): Fields
    {
        return new Fields($this->transfer->trailers);
    }

    /**
     * How the exchange went. Of a streamed response the times are final once its body is read to the end.
     */
    public function facts(): ?Facts
    {
        if ($this->facts !== null) {
            return $this->facts;
        }
        $facts = Failure::facts($this->transfer->facts, $this->transfer->isDirect);
        if ($this->transfer->isEnded) {
            $this->facts = $facts;
        }

        return $facts;
    }

    /**
     * Gives up what has not been read; reading on then throws. Does nothing where the response is whole.
     */
    public function cancel(): void
    {
        Dispatcher::cancel($this->transfer);
    }
}
