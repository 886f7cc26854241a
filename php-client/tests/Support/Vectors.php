<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use RuntimeException;

/**
 * Reads docs/protocol/vectors; its README there says what the files hold.
 *
 * @phpstan-type Vector array{name: string, from: string, hex: mixed, frames: list<array<string, mixed>>, error?: string, canonical?: bool, midFrame?: bool, nonce?: mixed}
 */
final class Vectors
{
    public const FOLDER = __DIR__ . '/../../../docs/protocol/vectors';

    /**
     * @return iterable<string, array{Vector}>
     */
    public static function from(string $sender): iterable
    {
        foreach (glob(self::FOLDER . '/*.json') ?: [] as $file) {
            $cases = json_decode((string) file_get_contents($file), true, 512, \JSON_THROW_ON_ERROR);
            foreach (\is_array($cases) ? $cases : [] as $case) {
                if (\is_array($case) && ($case['from'] ?? null) === $sender && \is_string($case['name'] ?? null)) {
                    /** @var Vector $case */
                    yield basename($file) . ': ' . $case['name'] => [$case];
                }
            }
        }
    }

    /**
     * The octets that a `hex` member stands for.
     */
    public static function octets(mixed $hex): string
    {
        if (\is_string($hex)) {
            return (string) hex2bin(str_replace(' ', '', $hex));
        }
        if (!\is_array($hex)) {
            throw new RuntimeException('hex is neither a string nor an array');
        }
        if (\is_string($hex['repeat'] ?? null) && \is_int($hex['times'] ?? null)) {
            return str_repeat(self::octets($hex['repeat']), $hex['times']);
        }

        return implode('', array_map(self::octets(...), array_values($hex)));
    }

    /**
     * A frame of a vector with octets in place of `{"hex": …}`, and fields written out.
     *
     * @param array<string, mixed> $frame
     *
     * @return array<string, mixed>
     */
    public static function frame(array $frame): array
    {
        foreach ($frame as $name => $value) {
            if (\is_array($value) && \array_key_exists('hex', $value)) {
                $frame[$name] = self::octets($value['hex']);
            } elseif (($name === 'fields' || $name === 'trailers') && \is_array($value)) {
                $frame[$name] = self::fields($value);
            }
        }

        return $frame;
    }

    /**
     * @param array<array-key, mixed> $elements
     *
     * @return list<string>
     */
    private static function fields(array $elements): array
    {
        $fields = [];
        foreach ($elements as $element) {
            if (\is_array($element) && \is_array($element['repeat'] ?? null) && \is_int($element['times'] ?? null)) {
                $line = self::fields($element['repeat']);
                for ($n = 0; $n < $element['times']; ++$n) {
                    array_push($fields, ...$line);
                }
            } else {
                $fields[] = \is_string($element) ? $element : self::octets(\is_array($element) ? $element['hex'] ?? null : null);
            }
        }

        return $fields;
    }
}
