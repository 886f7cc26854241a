<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Internal\Wire\Codecs;
use Hawser\Internal\Wire\FrameEncoder;
use Hawser\Internal\Wire\FrameReader;
use Hawser\Internal\Wire\MalformedFrame;
use Hawser\Tests\Support\RecordingSink;
use Hawser\Tests\Support\Vectors;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

/**
 * The vectors that the broker is proven with too: what a broker sends is decoded here, what a client sends is encoded.
 *
 * @phpstan-import-type Vector from Vectors
 */
final class VectorsTest extends TestCase
{
    private const NONCE = "\xA0\xA1\xA2\xA3\xA4\xA5\xA6\xA7\xA8\xA9\xAA\xAB\xAC\xAD\xAE\xAF";

    /** A PHP string is octets: as what a text came, and whether it is UTF-8, cannot be told and does not matter here. */
    private const ACCEPTED_ALL_THE_SAME = [
        'message as bin', 'message in str that is not UTF-8', 'body as str', 'agent is bin',
    ];

    /**
     * @param Vector $case
     */
    #[DataProvider('sentByBroker')]
    public function testDecodesWhatABrokerSendsInAnySplit(array $case): void
    {
        $octets = Vectors::octets($case['hex']);
        $size = \strlen($octets);
        $expected = array_map(self::withoutNonce(...), $case['frames']);
        $error = \in_array($case['name'], self::ACCEPTED_ALL_THE_SAME, true) ? null : $case['error'] ?? null;
        if (isset($case['error']) && $error === null) {
            self::assertNull($this->decode($case, [$octets])['error']);

            return;
        }
        $splits = [[$octets]];
        if ($size <= 4096) {
            $splits[] = str_split($octets, 1);
            for ($at = 1; $at < $size; ++$at) {
                $splits[] = [substr($octets, 0, $at), substr($octets, $at)];
            }
        } else {
            $splits[] = str_split($octets, 4093);
        }
        foreach ($splits as $parts) {
            $decoded = $this->decode($case, $parts);
            self::assertSame($expected, $decoded['frames'], $case['name'] . ' in ' . \count($parts) . ' parts');
            self::assertSame($error, $decoded['error']);
        }
    }

    /**
     * @param Vector $case
     */
    #[DataProvider('sentByClient')]
    public function testEncodesWhatAClientSends(array $case): void
    {
        $encoded = '';
        foreach (array_map(Vectors::frame(...), $case['frames']) as $frame) {
            $encoded .= self::encode($frame);
        }
        self::assertSame(bin2hex(Vectors::octets($case['hex'])), bin2hex($encoded));
    }

    /**
     * @return iterable<string, array{Vector}>
     */
    public static function sentByBroker(): iterable
    {
        return Vectors::from('broker');
    }

    /**
     * @return iterable<string, array{Vector}>
     */
    public static function sentByClient(): iterable
    {
        foreach (Vectors::from('client') as $name => [$case]) {
            if (($case['canonical'] ?? false) === true && array_filter($case['frames'], self::isNeverSent(...)) === []) {
                yield $name => [$case];
            }
        }
    }

    /**
     * Frames that are right but that this client has no use for.
     *
     * @param array<string, mixed> $frame
     */
    private static function isNeverSent(array $frame): bool
    {
        return $frame['type'] === 'PING'
            || $frame['type'] === 'HELLO' && !isset($frame['windowBytes'], $frame['agent'])
            || $frame['type'] === 'END' && $frame['facts'] !== null;
    }

    /**
     * @param Vector       $case
     * @param list<string> $parts
     *
     * @return array{frames: list<array<string, mixed>>, error: string|null}
     */
    private function decode(array $case, array $parts): array
    {
        $sink = new RecordingSink();
        $reader = new FrameReader(Codecs::default());
        $isKept = isset($case['nonce']);
        $nonces = array_column($case['frames'], 'nonce');
        if ($isKept || $nonces !== [] || str_contains(Vectors::octets($case['hex']), "\x94\x02")) {
            $nonce = $case['nonce'] ?? $nonces[0] ?? null;
            $reader->awaitWelcome(\is_array($nonce) ? Vectors::octets($nonce['hex'] ?? null) : self::NONCE, $isKept);
        }
        try {
            foreach ($parts as $part) {
                $reader->feed($part, $sink);
            }
        } catch (MalformedFrame $e) {
            return ['frames' => $sink->frames, 'error' => $e->errorCode->wireName()];
        }

        return ['frames' => $sink->frames, 'error' => null];
    }

    /**
     * @param array<string, mixed> $frame
     *
     * @return array<string, mixed>
     */
    private static function withoutNonce(array $frame): array
    {
        $frame = Vectors::frame($frame);
        if ($frame['type'] === 'WELCOME') {
            return ['type' => 'WELCOME', 'maxExchanges' => $frame['maxExchanges'], 'maxFrameBytes' => $frame['maxFrameBytes']];
        }
        if ($frame['type'] === 'RESPONSE') {
            $frame['body'] ??= ''; // no body and an empty one are the same to a caller
        }

        return $frame;
    }

    /**
     * @param array<string, mixed> $frame
     */
    private static function encode(array $frame): string
    {
        $encoder = new FrameEncoder(Codecs::default());
        ['type' => $type] = $frame;
        $id = \is_int($frame['exchangeId'] ?? null) ? $frame['exchangeId'] : 0;

        return match ($type) {
            'HELLO' => $encoder->hello(self::text($frame['nonce']), self::int($frame['windowBytes']), self::text($frame['agent'])),
            'REQUEST' => $encoder->request($id, $frame['end'] === true, self::int($frame['timeoutMs']), self::text($frame['method']), self::text($frame['url']), self::strings($frame['fields']), $frame['body'] === null ? null : self::text($frame['body'])),
            'DATA' => $encoder->data($id, self::text($frame['payload'])),
            'END' => $encoder->end($id, self::strings($frame['trailers'])),
            'WINDOW' => $encoder->window($id, self::int($frame['increment'])),
            'CANCEL' => $encoder->cancel($id),
            'PONG' => $encoder->pong(self::text($frame['payload'])),
            default => self::fail('unexpected frame'),
        };
    }

    private static function text(mixed $value): string
    {
        self::assertIsString($value);

        return $value;
    }

    private static function int(mixed $value): int
    {
        self::assertIsInt($value);

        return $value;
    }

    /**
     * @return list<string>
     */
    private static function strings(mixed $value): array
    {
        self::assertIsArray($value);

        return array_map(self::text(...), array_values($value));
    }
}
