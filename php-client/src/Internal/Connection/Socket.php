<?php

declare(strict_types=1);

namespace Hawser\Internal\Connection;

/**
 * The Unix socket to the broker. Persistent: PHP-FPM keeps it from one PHP request to the next.
 *
 * PHP keeps the stream but no memory of it, so the one thing that the next PHP request must know is written on the
 * stream itself: it is non-blocking exactly while a frame is half written. A kept stream found in that state is closed,
 * because its next octet would be read as the rest of that frame (docs/protocol/wire-protocol.md section 4).
 *
 * @internal
 */
final class Socket
{
    /** A small answer in one read, without asking PHP's allocator for more than it keeps at hand. */
    private const SMALL_READ_BYTES = 16 * 1024;

    /** About what a Unix socket buffers, so that a large body needs few reads. */
    private const LARGE_READ_BYTES = 256 * 1024;

    /** A frame up to this size, as each piece of a body is, mostly fits into the socket's buffer and is written without ado. */
    private const SMALL_WRITE_BYTES = 64 * 1024;

    /** `stream_set_timeout` for "no limit": PHP's own default would be 60 seconds. */
    private const A_DAY_US = 86_400 * 1_000_000;

    /** @var positive-int */
    private int $readBytes = self::SMALL_READ_BYTES;

    /** What of the frames so far the socket has not taken. Not empty: the stream is non-blocking. */
    private string $unsent = '';

    private int $writtenBytes = 0;

    private bool $isBroken = false;

    private bool $isInWrite = false;

    /**
     * @param resource $stream
     * @param bool     $isKept older than this PHP request: anything may still arrive on it
     */
    private function __construct(private mixed $stream, public readonly bool $isKept) {}

    /**
     * @throws CannotOpen
     */
    public static function open(string $path, bool $isPersistent, int $timeoutMs): self
    {
        do {
            $error = '';
            $stream = $isPersistent
                ? @pfsockopen('unix://' . $path, -1, error_message: $error, timeout: $timeoutMs / 1000)
                : @fsockopen('unix://' . $path, -1, error_message: $error, timeout: $timeoutMs / 1000);
            if ($stream === false) {
                throw new CannotOpen($path . ': ' . (\is_string($error) && $error !== '' ? $error : 'no connection'));
            }
            // The position of a stream counts what went through it: only a new one stands at 0.
            $isKept = ftell($stream) !== 0;
            $isUsable = !$isKept || stream_get_meta_data($stream)['blocked'] === true && self::isOpen($stream);
            if (!$isUsable) {
                fclose($stream);
            }
        } while (!$isUsable);
        if (!$isKept) {
            // Reads go straight into the string they return, as many octets at once as are asked for.
            stream_set_read_buffer($stream, 0);
        }

        return new self($stream, $isKept);
    }

    /**
     * Sends a frame, or keeps what the socket does not take now for `read` to send. Returns where its last octet stands
     * among all octets of this socket; compare with `writtenBytes()`.
     */
    public function write(string $frame): int
    {
        $size = \strlen($frame);
        if ($this->isBroken) {
            return PHP_INT_MAX;
        }
        if ($this->unsent !== '') {
            $this->unsent .= $frame;

            return $this->writtenBytes + \strlen($this->unsent);
        }
        $end = $this->writtenBytes + $size;
        $written = 0;
        if ($size <= self::SMALL_WRITE_BYTES) {
            // A blocking stream waits for room as long as its timeout says: not at all, so that reading goes on.
            stream_set_timeout($this->stream, 0);
            $this->isInWrite = true;
            $written = (int) @fwrite($this->stream, $frame);
            $this->writtenBytes += $written;
            if ($written === $size) {
                $this->isInWrite = false;

                return $end;
            }
        }
        stream_set_blocking($this->stream, false);
        $this->unsent = $written === 0 ? $frame : substr($frame, $written);
        $this->isInWrite = false;
        $this->flush();

        return $end;
    }

    /**
     * Waits for octets, sending meanwhile what is still unsent. Returns an empty string when `$untilNs` has come or all
     * is sent, and null when the broker has closed and nothing is left to read.
     *
     * @param int $untilNs on the clock of hrtime(); 0: no limit
     */
    public function read(int $untilNs): ?string
    {
        $leftUs = $untilNs === 0 ? self::A_DAY_US : (int) (($untilNs - (int) hrtime(true)) / 1000);
        $microseconds = $leftUs > 0 ? $leftUs % 1_000_000 : 0;
        $seconds = $leftUs > 0 ? (int) ($leftUs / 1_000_000) : 0;
        if ($this->unsent !== '') {
            if (!$this->selectAndFlush($seconds, $microseconds)) {
                return '';
            }
        } else {
            stream_set_timeout($this->stream, $seconds, $microseconds);
        }
        $octets = @fread($this->stream, $this->readBytes);
        if ($octets !== false && $octets !== '') {
            $this->readBytes = \strlen($octets) < $this->readBytes ? self::SMALL_READ_BYTES : self::LARGE_READ_BYTES;

            return $octets;
        }

        return stream_get_meta_data($this->stream)['eof'] ? null : '';
    }

    /** Makes the next read large: so many octets are known to come. */
    public function expect(int $bytes): void
    {
        if ($bytes > $this->readBytes) {
            $this->readBytes = self::LARGE_READ_BYTES;
        }
    }

    /**
     * The stream itself, for select only: reading or writing it elsewhere would break the frames.
     *
     * @return resource|null null: it is closed
     */
    public function stream(): mixed
    {
        return \is_resource($this->stream) ? $this->stream : null;
    }

    public function hasUnsent(): bool
    {
        return $this->unsent !== '';
    }

    /** Octets that the kernel has taken; none beyond them can have reached the broker. */
    public function writtenBytes(): int
    {
        return $this->writtenBytes;
    }

    /** Whether the frame written last is incomplete: whoever ends the PHP request now must close the socket. */
    public function isMidFrame(): bool
    {
        return $this->unsent !== '' || $this->isInWrite;
    }

    public function close(): void
    {
        if (\is_resource($this->stream)) {
            fclose($this->stream);
        }
        $this->isBroken = true;
        $this->unsent = '';
    }

    /**
     * Whether the broker has not closed a kept stream. PHP has looked, but sees no end behind octets that still wait:
     * the last words of a broker that drains. They are of no use to anyone, so they are read away.
     *
     * @param resource $stream
     */
    private static function isOpen(mixed $stream): bool
    {
        stream_set_timeout($stream, 0);
        do {
            $stale = @fread($stream, self::LARGE_READ_BYTES);
        } while ($stale !== '' && $stale !== false);

        return !stream_get_meta_data($stream)['eof'];
    }

    /** Waits for room or for octets, sends what there is room for, and says whether there are octets. */
    private function selectAndFlush(int $seconds, int $microseconds): bool
    {
        /** @var list<resource> $readable */
        $readable = [$this->stream];
        /** @var list<resource> $writable */
        $writable = [$this->stream];
        $except = null;
        // A signal interrupts the wait with a warning and leaves the arrays as they are; the caller's loop comes back.
        if (@stream_select($readable, $writable, $except, $seconds, $microseconds) === false) {
            return false;
        }
        if (\count($writable) > 0) {
            $this->flush();
        }

        return \count($readable) > 0;
    }

    private function flush(): void
    {
        $written = @fwrite($this->stream, $this->unsent);
        if ($written === false) {
            // No room is 0 on a non-blocking stream, so this is the end. Nothing more goes out, but what the broker said before it closed can still be read.
            $this->isBroken = true;
            $this->unsent = '';
            stream_set_blocking($this->stream, true);

            return;
        }
        $this->writtenBytes += $written;
        $this->unsent = substr($this->unsent, $written);
        if ($this->unsent === '') {
            stream_set_blocking($this->stream, true);
        }
    }
}
