<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Hawser\Internal\Wire\PhpCodec;
use RuntimeException;

/**
 * The broker's end of one client connection.
 */
final class Peer
{
    public string $nonce = '';

    private string $buffer = '';

    /**
     * @param resource $stream
     */
    public function __construct(private readonly mixed $stream)
    {
        stream_set_read_buffer($stream, 0);
        stream_set_timeout($stream, 10);
    }

    /**
     * Skips to the next HELLO, and remembers its nonce.
     */
    public function hello(): self
    {
        $hello = $this->frameOf(1);
        if (!\is_string($hello[2] ?? null)) {
            throw new RuntimeException('HELLO was expected');
        }
        $this->nonce = $hello[2];

        return $this;
    }

    /**
     * The next frame of the client; null at its end.
     *
     * @return array<array-key, mixed>|null
     */
    public function frame(): ?array
    {
        while (\strlen($this->buffer) < 4 || \strlen($this->buffer) < 4 + $this->length()) {
            $octets = fread($this->stream, 1 << 20);
            if ($octets === '' || $octets === false) {
                if (feof($this->stream)) {
                    return null;
                }
                throw new RuntimeException('no frame came in time');
            }
            $this->buffer .= $octets;
        }
        $length = $this->length();
        $frame = (new PhpCodec())->unpack(substr($this->buffer, 4, $length));
        $this->buffer = substr($this->buffer, 4 + $length);

        return \is_array($frame) ? $frame : throw new RuntimeException('a frame is no array');
    }

    /**
     * Skips frames until one of this type comes; null at the end.
     *
     * @return array<array-key, mixed>|null
     */
    public function frameOf(int $type): ?array
    {
        do {
            $frame = $this->frame();
        } while ($frame !== null && $frame[0] !== $type);

        return $frame;
    }

    /**
     * HELLO and REQUEST in, WELCOME and a small answer out, in one write.
     */
    public function serveOne(string $body): self
    {
        $this->hello();
        $id = $this->frameOf(3)[1] ?? null;

        return $this->send(BrokerFrames::welcome($this->nonce) . BrokerFrames::response(\is_int($id) ? $id : 0, $body));
    }

    public function send(string $octets): self
    {
        while ($octets !== '') {
            $written = @fwrite($this->stream, $octets);
            if ($written === false) {
                break;
            }
            $octets = substr($octets, $written);
        }

        return $this;
    }

    /**
     * Waits until the client has closed its end.
     */
    public function awaitEnd(): void
    {
        while ($this->frame() !== null);
    }

    public function close(): void
    {
        fclose($this->stream);
    }

    /**
     * @return resource
     */
    public function stream(): mixed
    {
        return $this->stream;
    }

    private function length(): int
    {
        $length = unpack('N', $this->buffer);

        return \is_array($length) && \is_int($length[1]) ? $length[1] : 0;
    }
}
