<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * msgpack in PHP, as far as the wire uses it: no floats, no extension types.
 *
 * @internal
 */
final class PhpCodec implements Codec
{
    /** Arrays and maps inside each other, the frame itself included (docs/protocol/wire-protocol.md section 1). */
    private const MAX_DEPTH = 3;

    private string $bytes = '';

    private int $at = 0;

    private int $end = 0;

    public function packStrings(array $strings): string
    {
        $packed = FrameEncoder::arrayHeader(\count($strings));
        foreach ($strings as $string) {
            $packed .= FrameEncoder::str($string);
        }

        return $packed;
    }

    public function unpack(string $bytes): mixed
    {
        $this->bytes = $bytes;
        $this->at = 0;
        $this->end = \strlen($bytes);
        $value = $this->value(0);
        if ($this->at !== $this->end) {
            throw new MalformedFrame('a frame holds octets after its array');
        }
        $this->bytes = '';

        return $value;
    }

    private function value(int $depth): mixed
    {
        $token = $this->size(1);

        return match (true) {
            $token < 0x80 => $token,
            $token < 0x90 => $this->map($token & 0x0F, $depth),
            $token < 0xA0 => $this->list($token & 0x0F, $depth),
            $token < 0xC0 => $this->octets($token & 0x1F),
            $token >= 0xE0 => $token - 0x100,
            default => match ($token) {
                0xC0 => null,
                0xC2 => false,
                0xC3 => true,
                0xC4, 0xD9 => $this->octets($this->size(1)),
                0xC5, 0xDA => $this->octets($this->size(2)),
                0xC6, 0xDB => $this->octets($this->size(4)),
                0xCC => $this->size(1),
                0xCD => $this->size(2),
                0xCE => $this->size(4),
                0xCF => $this->uint64(),
                0xD0 => $this->signed(1),
                0xD1 => $this->signed(2),
                0xD2 => $this->signed(4),
                0xD3 => $this->int64(),
                0xDC => $this->list($this->size(2), $depth),
                0xDD => $this->list($this->size(4), $depth),
                0xDE => $this->map($this->size(2), $depth),
                0xDF => $this->map($this->size(4), $depth),
                default => throw new MalformedFrame(\sprintf('a frame holds the msgpack type %02x, which the wire does not have', $token)),
            },
        };
    }

    /**
     * @return list<mixed>
     */
    private function list(int $count, int $depth): array
    {
        $this->enter($count, $depth);
        $list = [];
        while ($count-- > 0) {
            $list[] = $this->value($depth + 1);
        }

        return $list;
    }

    /**
     * @return array<array-key, mixed>
     */
    private function map(int $count, int $depth): array
    {
        $this->enter(2 * $count, $depth);
        $map = [];
        while ($count-- > 0) {
            $key = $this->value($depth + 1);
            if (!\is_string($key) && !\is_int($key)) {
                throw new MalformedFrame('a frame holds a map whose key is not a str');
            }
            $map[$key] = $this->value($depth + 1);
        }

        return $map;
    }

    /** Each value takes at least one octet, so a size that claims more is refused before anything is built. */
    private function enter(int $values, int $depth): void
    {
        if ($values > $this->end - $this->at) {
            throw new MalformedFrame('a frame holds a size that claims more than the frame');
        }
        if ($depth >= self::MAX_DEPTH) {
            throw new MalformedFrame('a frame nests arrays or maps too deep');
        }
    }

    private function octets(int $size): string
    {
        if ($size > $this->end - $this->at) {
            throw new MalformedFrame('a frame holds a size that claims more than the frame');
        }
        $octets = substr($this->bytes, $this->at, $size);
        $this->at += $size;

        return $octets;
    }

    private function size(int $width): int
    {
        if ($width > $this->end - $this->at) {
            throw new MalformedFrame('a frame ends inside a value');
        }
        $value = 0;
        while ($width-- > 0) {
            $value = $value << 8 | \ord($this->bytes[$this->at++]);
        }

        return $value;
    }

    private function signed(int $width): int
    {
        $bits = 64 - 8 * $width;

        return $this->size($width) << $bits >> $bits;
    }

    private function uint64(): int
    {
        $value = $this->int64();

        return $value >= 0 ? $value : throw new MalformedFrame('a frame holds an integer beyond 63 bits');
    }

    /** PHP's own 64 bits: the same octets, read as two's complement. */
    private function int64(): int
    {
        return $this->size(8);
    }
}
