<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Closure;
use Hawser\Internal\Body\StringStream;
use Nyholm\Psr7\Stream;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Psr\Http\Message\StreamInterface;
use RuntimeException;

final class StringStreamTest extends TestCase
{
    /**
     * @param list<Closure(StreamInterface): mixed> $steps
     */
    #[DataProvider('scripts')]
    public function testDoesAsAStreamInMemory(array $steps): void
    {
        $ours = new StringStream("0123456789\xFF\x00");
        $theirs = Stream::create("0123456789\xFF\x00");
        foreach ($steps as $i => $step) {
            self::assertSame(self::outcome($step, $theirs), self::outcome($step, $ours), "step {$i}");
        }
    }

    /**
     * @return iterable<string, array{list<Closure(StreamInterface): mixed>}>
     */
    public static function scripts(): iterable
    {
        $read = static fn(int $length): Closure => static fn(StreamInterface $stream): string => $stream->read($length);
        $seek = static fn(int $offset, int $whence = SEEK_SET): Closure => static function (StreamInterface $stream) use ($offset, $whence): void {
            $stream->seek($offset, $whence);
        };
        $write = static fn(string $octets): Closure => static fn(StreamInterface $stream): int => $stream->write($octets);
        $tell = static fn(StreamInterface $stream): int => $stream->tell();
        $size = static fn(StreamInterface $stream): ?int => $stream->getSize();
        $contents = static fn(StreamInterface $stream): string => $stream->getContents();
        $string = static fn(StreamInterface $stream): string => (string) $stream;
        $eof = static fn(StreamInterface $stream): bool => $stream->eof();
        $can = static fn(StreamInterface $stream): array => [$stream->isReadable(), $stream->isWritable(), $stream->isSeekable()];
        $close = static function (StreamInterface $stream): void {
            $stream->close();
        };
        $rest = static function (StreamInterface $stream): array {
            $file = $stream->detach();
            self::assertIsResource($file);

            return [ftell($file), stream_get_contents($file), fwrite($file, '!'), stream_get_contents($file, -1, 0)];
        };

        yield 'read in pieces' => [[$eof, $read(3), $tell, $read(5), $tell, $read(100), $tell, $eof, $read(1), $contents]];
        yield 'read as a whole' => [[$can, $size, $string, $tell, $contents, $string]];
        yield 'contents are what is left' => [[$read(4), $contents, $contents, $tell]];
        yield 'seek' => [[$seek(4), $read(2), $seek(-3, SEEK_CUR), $read(2), $seek(-2, SEEK_END), $contents, $seek(0), $eof, $contents, $seek(12), $tell]];
        yield 'seek where nothing is' => [[$read(2), $seek(-1), $seek(-5, SEEK_CUR)]];
        yield 'write over it and past its end' => [[$write('ab'), $tell, $contents, $write('more'), $size, $string, $seek(13), $write('X'), $string]];
        yield 'closed' => [[$read(2), $close, $can, $size, $tell, $read(1), $contents, $seek(0), $write('x'), $close]];
        yield 'detached' => [[$read(2), $rest, $can, $size, $tell, $contents, static fn(StreamInterface $stream): mixed => $stream->detach()]];
    }

    public function testMetadata(): void
    {
        $stream = new StringStream('abc');
        self::assertSame('w+b', $stream->getMetadata('mode'));
        self::assertTrue($stream->getMetadata('seekable'));
        self::assertNull($stream->getMetadata('nothing'));
        $stream->close();
        self::assertSame([], $stream->getMetadata());
        self::assertNull($stream->getMetadata('mode'));
    }

    public function testWhatIsNotAllowedIsTold(): void
    {
        foreach ([[4, SEEK_SET], [0, 7]] as [$offset, $whence]) {
            try {
                (new StringStream('abc'))->seek($offset, $whence);
                self::fail('no exception');
            } catch (RuntimeException $e) {
                self::assertMatchesRegularExpression('/^seek: .*allowed/', $e->getMessage());
            }
        }
        $this->expectExceptionMessage('read: -1 octets; allowed is 0 or more.');
        (new StringStream('abc'))->read(-1);
    }

    /**
     * @param Closure(StreamInterface): mixed $step
     */
    private static function outcome(Closure $step, StreamInterface $stream): mixed
    {
        try {
            return $step($stream);
        } catch (RuntimeException) {
            return RuntimeException::class;
        }
    }
}
