<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

use Psr\Http\Message\StreamInterface;
use RuntimeException;

/**
 * A body that is here whole, as a PSR-7 stream: the string itself, where streams of other libraries copy it into
 * `php://memory` and out again. It reads, seeks and writes as those do.
 *
 * @internal
 */
final class StringStream implements StreamInterface
{
    /** Null: closed or detached. */
    private ?string $octets;

    private int $at = 0;

    public function __construct(string $octets)
    {
        $this->octets = $octets;
    }

    public function __toString(): string
    {
        $octets = $this->octets ?? '';
        $this->at = \strlen($octets);

        return $octets;
    }

    public function close(): void
    {
        $this->octets = null;
        $this->at = 0;
    }

    /**
     * @return resource|null in memory, with the same octets and position
     */
    public function detach()
    {
        if ($this->octets === null) {
            return null;
        }
        $file = fopen('php://memory', 'w+');
        if ($file === false) {
            throw new RuntimeException('php://memory cannot be opened.');
        }
        fwrite($file, $this->octets);
        fseek($file, $this->at);
        $this->close();

        return $file;
    }

    public function getSize(): ?int
    {
        return $this->octets === null ? null : \strlen($this->octets);
    }

    public function tell(): int
    {
        $this->octets();

        return $this->at;
    }

    public function eof(): bool
    {
        return $this->at >= \strlen($this->octets ?? '');
    }

    public function isSeekable(): bool
    {
        return $this->octets !== null;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        $size = \strlen($this->octets());
        $at = match ($whence) {
            SEEK_SET => $offset,
            SEEK_CUR => $this->at + $offset,
            SEEK_END => $size + $offset,
            default => throw new RuntimeException("seek: whence is {$whence}; allowed are SEEK_SET, SEEK_CUR and SEEK_END."),
        };
        if ($at < 0 || $at > $size) {
            throw new RuntimeException("seek: octet {$at} of a body of {$size}; allowed is 0 to {$size}.");
        }
        $this->at = $at;
    }

    public function rewind(): void
    {
        $this->seek(0);
    }

    public function isWritable(): bool
    {
        return $this->octets !== null;
    }

    public function write($string): int
    {
        $size = \strlen($string);
        $this->octets = substr_replace($this->octets(), $string, $this->at, $size);
        $this->at += $size;

        return $size;
    }

    public function isReadable(): bool
    {
        return $this->octets !== null;
    }

    public function read($length): string
    {
        if ($length < 0) {
            throw new RuntimeException("read: {$length} octets; allowed is 0 or more.");
        }
        $octets = substr($this->octets(), $this->at, $length);
        $this->at += \strlen($octets);

        return $octets;
    }

    public function getContents(): string
    {
        return $this->read(\PHP_INT_MAX);
    }

    public function getMetadata($key = null): mixed
    {
        $metadata = $this->octets === null ? [] : ['mode' => 'w+b', 'seekable' => true, 'eof' => $this->eof(), 'uri' => 'php://memory'];

        return $key === null ? $metadata : ($metadata[$key] ?? null);
    }

    private function octets(): string
    {
        return $this->octets ?? throw new RuntimeException('The body has been closed or detached.');
    }
}
