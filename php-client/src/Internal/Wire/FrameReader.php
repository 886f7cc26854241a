<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

use Hawser\Exception\ErrorCode;

/**
 * Turns what the broker sends, in any split, into calls of a FrameSink. Before WELCOME it discards whatever an older
 * PHP request left on a kept socket (docs/protocol/wire-protocol.md section 4).
 *
 * @internal
 *
 * @phpstan-import-type FactList from FrameSink
 */
final class FrameReader
{
    private const LENGTH_PREFIX_BYTES = 4;

    /** The largest integer that both ends can hold exactly (the broker's numbers are doubles). */
    private const MAX_FACT = 2 ** 53 - 1;

    private string $buffer = '';

    private int $at = 0;

    /** Octets of the WELCOME that is awaited, from its array header to the end of the nonce; empty once it came. */
    private string $mark = '';

    private bool $isKept = false;

    public function __construct(private readonly Codec $codec) {}

    /**
     * Call when HELLO is sent. On a kept socket anything may come before its WELCOME; on a new one nothing may, except
     * an ERROR about the connection.
     */
    public function awaitWelcome(string $nonce, bool $isKept): void
    {
        $this->buffer = '';
        $this->at = 0;
        $this->mark = "\x94\x02\x00\xC4\x10" . $nonce;
        $this->isKept = $isKept;
    }

    /**
     * Takes the next octets and hands every frame they complete to `$sink`. The sink may call this again from within.
     *
     * @return int how many octets the frame that has begun still lacks; 0 where none has begun
     *
     * @throws MalformedFrame
     */
    public function feed(string $bytes, FrameSink $sink): int
    {
        if ($this->at === \strlen($this->buffer)) {
            $this->buffer = $bytes;
        } else {
            $this->buffer = $this->at === 0 ? $this->buffer : substr($this->buffer, $this->at);
            $this->buffer .= $bytes;
        }
        $this->at = 0;
        if ($this->mark !== '' && $this->isKept && !$this->discardStale()) {
            return 0;
        }
        while (($frame = $this->next()) !== null) {
            $this->deliver($frame, $sink);
        }

        return $this->at === \strlen($this->buffer) ? 0 : $this->missingBytes();
    }

    private function missingBytes(): int
    {
        $have = \strlen($this->buffer) - $this->at;

        return $have < self::LENGTH_PREFIX_BYTES ? 0 : self::LENGTH_PREFIX_BYTES + $this->length() - $have;
    }

    /** Whether the WELCOME begins at the cursor now. Keeps as much of the tail as may be the beginning of one. */
    private function discardStale(): bool
    {
        // A mark right at the start would have no length prefix before it: it is none.
        $found = strpos($this->buffer, $this->mark, min(self::LENGTH_PREFIX_BYTES, \strlen($this->buffer)));
        if ($found !== false) {
            $this->at = $found - self::LENGTH_PREFIX_BYTES;

            return true;
        }
        $this->buffer = substr($this->buffer, -(self::LENGTH_PREFIX_BYTES + \strlen($this->mark) - 1));

        return false;
    }

    /** The array of the next whole frame, without its length prefix. */
    private function next(): ?string
    {
        $have = \strlen($this->buffer) - $this->at;
        if ($have < self::LENGTH_PREFIX_BYTES) {
            return null;
        }
        $length = $this->length();
        if ($length < 1 || $length > Wire::MAX_FRAME_BYTES) {
            throw new MalformedFrame(\sprintf('the broker announced a frame of %d octets; allowed is 1 to %d', $length, Wire::MAX_FRAME_BYTES), $length < 1 ? ErrorCode::ProtocolError : ErrorCode::FrameTooLarge);
        }
        if ($have < self::LENGTH_PREFIX_BYTES + $length) {
            return null;
        }
        $frame = substr($this->buffer, $this->at + self::LENGTH_PREFIX_BYTES, $length);
        $this->at += self::LENGTH_PREFIX_BYTES + $length;

        return $frame;
    }

    private function length(): int
    {
        return \ord($this->buffer[$this->at]) << 24 | \ord($this->buffer[$this->at + 1]) << 16
            | \ord($this->buffer[$this->at + 2]) << 8 | \ord($this->buffer[$this->at + 3]);
    }

    private function deliver(string $bytes, FrameSink $sink): void
    {
        $elements = \ord($bytes) - 0x90;
        $type = \strlen($bytes) > 1 ? \ord($bytes[1]) : 0x80;
        if ($elements < 2 || $elements > 15 || $type > 0x7F) {
            throw new MalformedFrame('a frame from the broker is not an array of 2 to 15 elements that begins with its type');
        }
        $frame = $this->codec->unpack($bytes);
        if (!\is_array($frame) || !\is_int($id = $frame[1] ?? null) || $id < 0 || $id > Wire::MAX_EXCHANGE_ID) {
            throw self::malformed('exchange id', $type);
        }
        if ($id === 0 && $type >= FrameType::RESPONSE && $type <= FrameType::INFORMATIONAL) {
            throw self::malformed('exchange id', $type);
        }
        if ($this->mark !== '' && $type !== FrameType::WELCOME && !($type === FrameType::ERROR && $id === 0)) {
            throw new MalformedFrame(\sprintf('the broker sent frame type %d before WELCOME', $type));
        }
        switch ($type) {
            case FrameType::RESPONSE:
                $body = $frame[5] ?? null;
                $sink->onResponse(
                    $id,
                    (self::integer($frame, 2, $type, 0, 0xFFFFFFFF) & 1) === 1,
                    self::integer($frame, 3, $type, 200, 599),
                    self::fields($frame[4] ?? null, $type),
                    \is_string($body) ? $body : ($body === null && $elements > 5 ? '' : throw self::malformed('element 5', $type)),
                    self::facts($frame[6] ?? null, $type),
                );
                break;
            case FrameType::DATA:
                $payload = self::octets($frame, 2, $type);
                if ($payload === '' || \strlen($payload) > Wire::MAX_DATA_BYTES) {
                    throw self::malformed('payload', $type);
                }
                $sink->onData($id, $payload);
                break;
            case FrameType::END:
                $trailers = $frame[2] ?? null;
                if ($elements < 3) {
                    throw self::malformed('trailers', $type);
                }
                $sink->onEnd(
                    $id,
                    $trailers === null ? [] : self::fields($trailers, $type),
                    ($frame[3] ?? null) === null ? null : self::facts($frame[3], $type),
                );
                break;
            case FrameType::WINDOW:
                $sink->onWindow($id, self::integer($frame, 2, $type, 1, 0x7FFFFFFF));
                break;
            case FrameType::INFORMATIONAL:
                $status = self::integer($frame, 2, $type, 100, 199);
                if ($status === 101) {
                    throw self::malformed('status', $type);
                }
                $sink->onInformational($id, $status, self::fields($frame[3] ?? null, $type));
                break;
            case FrameType::ERROR:
                if ($elements < 8) {
                    throw self::malformed('facts', $type);
                }
                $sink->onError(
                    $id,
                    self::integer($frame, 2, $type, 1, 0xFFFFFFFF),
                    self::octets($frame, 3, $type),
                    self::octets($frame, 4, $type),
                    self::integer($frame, 5, $type, 0, 1) === 0,
                    self::octets($frame, 6, $type),
                    ($frame[7] ?? null) === null ? null : self::facts($frame[7], $type),
                );
                break;
            case FrameType::WELCOME:
                $this->welcome($bytes, $frame, $sink);
                break;
            case FrameType::PING:
            case FrameType::PONG:
                $payload = self::octets($frame, 2, $type);
                if ($id !== 0 || \strlen($payload) !== 8) {
                    throw self::malformed('payload', $type);
                }
                $type === FrameType::PING ? $sink->onPing($payload) : $sink->onPong($payload);
                break;
            case FrameType::GOAWAY:
                if ($id !== 0) {
                    throw self::malformed('exchange id', $type);
                }
                $sink->onGoaway(self::integer($frame, 2, $type, 0, Wire::MAX_EXCHANGE_ID), self::octets($frame, 3, $type));
                break;
            case FrameType::HELLO:
            case FrameType::REQUEST:
            case FrameType::CANCEL:
                throw new MalformedFrame(\sprintf('the broker sent frame type %d, which only a client may send', $type));
        }
    }

    /**
     * @param array<array-key, mixed> $frame
     */
    private function welcome(string $bytes, array $frame, FrameSink $sink): void
    {
        $map = $frame[3] ?? null;
        if ($this->mark === '' || !str_starts_with($bytes, $this->mark) || !\is_array($map)) {
            throw self::malformed('nonce', FrameType::WELCOME);
        }
        if (($map['v'] ?? null) !== Wire::VERSION) {
            throw new MalformedFrame(\sprintf('the broker speaks another wire version than %d', Wire::VERSION), ErrorCode::UnsupportedVersion);
        }
        $maxExchanges = $map['maxExchanges'] ?? null;
        $maxFrameBytes = $map['maxFrame'] ?? null;
        if (!\is_int($maxExchanges) || !\is_int($maxFrameBytes) || $maxExchanges < 1 || $maxFrameBytes < 1) {
            throw self::malformed('map', FrameType::WELCOME);
        }
        $this->mark = '';
        $sink->onWelcome($maxExchanges, $maxFrameBytes);
    }

    /**
     * @param array<array-key, mixed> $frame
     */
    private static function integer(array $frame, int $at, int $type, int $min, int $max): int
    {
        $value = $frame[$at] ?? null;

        return \is_int($value) && $value >= $min && $value <= $max ? $value : throw self::malformed("element {$at}", $type);
    }

    /**
     * @param array<array-key, mixed> $frame
     */
    private static function octets(array $frame, int $at, int $type): string
    {
        $value = $frame[$at] ?? null;

        return \is_string($value) ? $value : throw self::malformed("element {$at}", $type);
    }

    /**
     * @return list<string>
     */
    private static function fields(mixed $fields, int $type): array
    {
        if (!\is_array($fields) || \count($fields) % 2 !== 0 || !array_is_list($fields)) {
            throw self::malformed('fields', $type);
        }
        foreach ($fields as $octets) {
            if (!\is_string($octets)) {
                throw self::malformed('fields', $type);
            }
        }

        /** @var list<string> $fields */
        return $fields;
    }

    /**
     * @return FactList
     */
    private static function facts(mixed $facts, int $type): array
    {
        if (
            !\is_array($facts) || !isset($facts[8])
            || !\is_string($facts[0]) || !\is_string($facts[1]) || !\is_int($facts[2]) || !\is_string($facts[3])
            || !\is_int($facts[4]) || !\is_int($facts[5]) || !\is_int($facts[6]) || !\is_int($facts[7]) || !\is_string($facts[8])
            || $facts[2] < 0 || $facts[4] < -1 || $facts[5] < -1 || $facts[6] < -1 || $facts[7] < -1
            || $facts[2] > self::MAX_FACT || $facts[4] > self::MAX_FACT || $facts[5] > self::MAX_FACT || $facts[6] > self::MAX_FACT || $facts[7] > self::MAX_FACT
        ) {
            throw self::malformed('facts', $type);
        }

        /** @var FactList $facts */
        return $facts;
    }

    private static function malformed(string $what, int $type): MalformedFrame
    {
        return new MalformedFrame(\sprintf('frame type %d from the broker: its %s is not as specified', $type, $what));
    }
}
