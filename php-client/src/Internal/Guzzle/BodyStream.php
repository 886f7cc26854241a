<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use Closure;
use Psr\Http\Message\StreamInterface;
use RuntimeException;

/**
 * The body of a response to a request with `stream`: what is not read holds the origin back, and dropping it before its
 * end cancels the exchange. Forward only.
 *
 * @internal
 */
final class BodyStream implements StreamInterface
{
    private string $chunk = '';

    private int $at = 0;

    private int $position = 0;

    private bool $isEnd = false;

    /**
     * @param Closure(): string $next   waits for decoded octets; empty at the end
     * @param Closure(): mixed  $cancel
     * @param int|null          $size   null: not known
     */
    public function __construct(private readonly Closure $next, private readonly Closure $cancel, private readonly ?int $size) {}

    public function __destruct()
    {
        $this->close();
    }

    public function __toString(): string
    {
        return $this->getContents();
    }

    public function close(): void
    {
        if (!$this->isEnd) {
            $this->isEnd = true;
            $this->chunk = '';
            $this->at = 0;
            ($this->cancel)();
        }
    }

    public function detach()
    {
        $this->close();

        return null;
    }

    public function getSize(): ?int
    {
        return $this->size;
    }

    public function tell(): int
    {
        return $this->position;
    }

    public function eof(): bool
    {
        return $this->isEnd && $this->at === \strlen($this->chunk);
    }

    public function isSeekable(): bool
    {
        return false;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        throw new RuntimeException('A streamed response body cannot seek.');
    }

    public function rewind(): void
    {
        $this->seek(0);
    }

    public function isWritable(): bool
    {
        return false;
    }

    public function write($string): int
    {
        throw new RuntimeException('A response body cannot be written to.');
    }

    public function isReadable(): bool
    {
        return true;
    }

    public function read($length): string
    {
        if ($this->at === \strlen($this->chunk)) {
            $this->chunk = $this->isEnd ? '' : ($this->next)();
            $this->at = 0;
            $this->isEnd = $this->isEnd || $this->chunk === '';
        }
        $octets = substr($this->chunk, $this->at, max(0, $length));
        $this->at += \strlen($octets);
        $this->position += \strlen($octets);

        return $octets;
    }

    public function getContents(): string
    {
        $octets = '';
        while (!$this->eof()) {
            $octets .= $this->read(\PHP_INT_MAX);
        }

        return $octets;
    }

    public function getMetadata($key = null): mixed
    {
        return $key === null ? [] : null;
    }
}
