<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

use RuntimeException;

/**
 * A PHP stream, from where it stands to its end.
 *
 * @internal
 */
final class ResourceSource implements BodySource
{
    private readonly int|false $start;

    private bool $isRead = false;

    /**
     * @param resource $stream
     */
    public function __construct(private readonly mixed $stream)
    {
        $this->start = stream_get_meta_data($stream)['seekable'] ? ftell($stream) : false;
    }

    public function take(int $maxBytes): string
    {
        $this->isRead = true;
        while (!feof($this->stream)) {
            $octets = fread($this->stream, max(1, $maxBytes));
            if ($octets === false) {
                throw new RuntimeException('The request body could not be read from its stream.');
            }
            if ($octets !== '') {
                return $octets;
            }
            if (stream_get_meta_data($this->stream)['timed_out']) {
                throw new RuntimeException('The request body could not be read from its stream: it timed out.');
            }
        }

        return '';
    }

    public function rewind(): bool
    {
        return !$this->isRead || $this->start !== false && fseek($this->stream, $this->start) === 0;
    }

    public function length(): ?int
    {
        $stat = $this->start === false ? false : fstat($this->stream);
        // Only a plain file and memory have a size that says how much can be read.
        if ($stat === false || ($stat['mode'] & 0o170000) !== 0o100000) {
            return null;
        }

        return max(0, $stat['size'] - $this->start);
    }
}
