<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Internal\Wire\Codec;
use Hawser\Internal\Wire\ExtensionCodec;
use Hawser\Internal\Wire\MalformedFrame;
use Hawser\Internal\Wire\PhpCodec;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

/**
 * Both codecs take and give the same, whichever of them the rest of the suite runs with.
 */
final class CodecTest extends TestCase
{
    #[DataProvider('values')]
    public function testUnpacks(Codec $codec, string $hex, mixed $value): void
    {
        self::assertSame($value, $codec->unpack((string) hex2bin($hex)));
    }

    #[DataProvider('malformed')]
    public function testRefuses(Codec $codec, string $hex): void
    {
        $this->expectException(MalformedFrame::class);
        $codec->unpack((string) hex2bin($hex));
    }

    #[DataProvider('codecs')]
    public function testGoesOnAfterARefusal(Codec $codec): void
    {
        try {
            $codec->unpack("\x92\x01");
            self::fail('half an array was taken');
        } catch (MalformedFrame) {
            self::assertSame([1], $codec->unpack("\x91\x01"));
        }
    }

    #[DataProvider('codecs')]
    public function testPacksStrings(Codec $codec): void
    {
        $strings = ['', 'a', '123', str_repeat('b', 31), str_repeat('c', 32), str_repeat('d', 256), str_repeat('e', 65536)];
        $packed = $codec->packStrings($strings);
        self::assertStringStartsWith("\x97\xA0\xA1a\xA3123\xBF" . str_repeat('b', 31) . "\xD9\x20c", $packed);
        self::assertSame($strings, (new PhpCodec())->unpack($packed));
        self::assertStringStartsWith("\xDC\x00\x10", $codec->packStrings(array_fill(0, 16, '')));
    }

    #[DataProvider('codecs')]
    public function testNeverBuildsAnObject(Codec $codec): void
    {
        // How ext-msgpack writes down an object of PHP: a map whose first key is nil and names the class.
        try {
            $value = $codec->unpack((string) hex2bin('82c0' . 'a8' . bin2hex('stdClass') . 'a16101'));
        } catch (MalformedFrame) {
            $value = [];
        }
        self::assertIsArray($value);
    }

    /**
     * @return iterable<string, array{Codec}>
     */
    public static function codecs(): iterable
    {
        yield 'in PHP' => [new PhpCodec()];
        if (\extension_loaded('msgpack')) {
            yield 'extension' => [new ExtensionCodec()];
        }
    }

    /**
     * @return iterable<string, array{Codec, string, mixed}>
     */
    public static function values(): iterable
    {
        $values = [
            'nil' => ['c0', null], 'false' => ['c2', false], 'true' => ['c3', true],
            'fixint' => ['7f', 127], 'negative fixint' => ['ff', -1], 'least fixint' => ['e0', -32],
            'uint 8' => ['ccff', 255], 'uint 16' => ['cdffff', 65535], 'uint 32' => ['ceffffffff', 4294967295],
            'uint 64' => ['cf7fffffffffffffff', PHP_INT_MAX],
            'int 8' => ['d080', -128], 'int 16' => ['d18000', -32768], 'int 32' => ['d280000000', -2147483648],
            'int 64' => ['d38000000000000000', PHP_INT_MIN], 'int 64 -1' => ['d3ffffffffffffffff', -1],
            'fixstr' => ['a3616263', 'abc'], 'str 8' => ['d903616263', 'abc'], 'str 16' => ['da0003616263', 'abc'], 'str 32' => ['db00000003616263', 'abc'],
            'bin 8' => ['c403ff00fe', "\xFF\x00\xFE"], 'bin 16' => ['c50001ff', "\xFF"], 'bin 32' => ['c600000001ff', "\xFF"],
            'array' => ['93010203', [1, 2, 3]], 'array 16' => ['dc0001c0', [null]], 'array 32' => ['dd00000001c3', [true]],
            'nested' => ['9291910190', [[[1]], []]],
            'map' => ['82a17601a177a0', ['v' => 1, 'w' => '']], 'map 16' => ['de0001a16101', ['a' => 1]], 'map 32' => ['df00000001a16101', ['a' => 1]],
        ];
        foreach (self::codecs() as $name => [$codec]) {
            foreach ($values as $kind => [$hex, $value]) {
                yield "{$kind}, {$name}" => [$codec, $hex, $value];
            }
        }
    }

    /**
     * @return iterable<string, array{Codec, string}>
     */
    public static function malformed(): iterable
    {
        $malformed = [
            'nothing' => '', 'c1' => 'c1', 'octets after the value' => '0102', 'array cut off' => '9201', 'array 32 that claims too much' => 'dd7fffffff01',
            'map 32 that claims too much' => 'df7fffffff01', 'str 32 that claims too much' => 'dbffffffff61', 'bin cut off' => 'c4026', 'uint 16 cut off' => 'cd01',
            'nested too deep for anyone' => str_repeat('91', 2000) . '01',
        ];
        foreach (self::codecs() as $name => [$codec]) {
            foreach ($malformed as $kind => $hex) {
                yield "{$kind}, {$name}" => [$codec, substr($hex, 0, \strlen($hex) & ~1)];
            }
        }
        foreach (['float' => 'cb3ff0000000000000', 'extension' => 'd40161', 'uint beyond 63 bits' => 'cfffffffffffffffff', 'four arrays' => '9191919101', 'array as key' => '819001'] as $kind => $hex) {
            yield "{$kind}, in PHP" => [new PhpCodec(), $hex];
        }
    }
}
