<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Exception\InvalidArgumentException;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Request;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

final class RequestTest extends TestCase
{
    public function testKeepsOrderAndRepeatsOfHeaders(): void
    {
        $request = Request::of('GET', 'https://example.com/', ['headers' => [
            'Accept' => 'a', 'X-Many' => ['1', '', '3'], ['Accept', 'b'], 'Content-Length' => 0, 7 => 'digits', '8' => ['x', 'y', 'z'],
        ]], 0);
        self::assertSame(
            ['accept', 'a', 'x-many', '1', 'x-many', '', 'x-many', '3', 'accept', 'b', 'content-length', '0', '7', 'digits', '8', 'x', '8', 'y', '8', 'z'],
            $request->fields,
        );
    }

    /**
     * @param array<string, mixed> $options
     */
    #[DataProvider('wrongOptions')]
    public function testNamesWhatIsWrong(array $options, string $message): void
    {
        $this->expectException(InvalidArgumentException::class);
        $this->expectExceptionMessage($message);
        Request::of('GET', 'https://example.com/', $options, 0);
    }

    /**
     * @return iterable<string, array{array<string, mixed>, string}>
     */
    public static function wrongOptions(): iterable
    {
        yield 'unknown' => [['header' => []], '"header" is no option of a request; allowed are headers, body, timeoutMs, connectTimeoutMs, stream, trailers, onInformational'];
        yield 'headers' => [['headers' => 'a: b'], 'headers is string; allowed is an array'];
        yield 'header value' => [['headers' => ['Authorization' => 1.5]], 'headers: Authorization is float; allowed is string, int, or a list of them'];
        yield 'timeoutMs' => [['timeoutMs' => -5], 'timeoutMs is -5; allowed is an integer from 0 (none) to 2147483647'];
        yield 'timeoutMs as text' => [['timeoutMs' => 'secret'], 'timeoutMs is string; allowed is an integer'];
        yield 'stream' => [['stream' => 1], 'stream is int; allowed is true or false'];
        yield 'body' => [['body' => 12], 'body is int; allowed is string, stream resource, iterable of strings'];
        yield 'trailers' => [['trailers' => 'x'], 'trailers is string'];
        yield 'onInformational' => [['onInformational' => 'no_such_function'], 'onInformational is string; allowed is a callable'];
    }

    public function testSaysTheLengthOfABodyThatDoesNotFitIntoAFrame(): void
    {
        $request = Request::of('POST', 'https://example.com/', ['body' => str_repeat('x', 256 * 1024 + 1)], 0);
        self::assertInstanceOf(BodySource::class, $request->body);
        self::assertSame(['content-length', '262145'], $request->fields);
        self::assertSame(str_repeat('x', 256 * 1024), Request::of('POST', 'https://example.com/', ['body' => str_repeat('x', 256 * 1024)], 0)->body);
    }

    public function testSaysTheLengthOfAFileFromWhereItStands(): void
    {
        $file = tmpfile();
        self::assertIsResource($file);
        fwrite($file, 'hello world');
        fseek($file, 6);
        $request = Request::of('PUT', 'https://example.com/', ['body' => $file], 0);
        self::assertSame(['content-length', '5'], $request->fields);
        self::assertInstanceOf(BodySource::class, $request->body);
        self::assertSame('wo', $request->body->take(2));
        self::assertTrue($request->body->rewind());
        self::assertSame(['world', ''], [$request->body->take(100), $request->body->take(100)]);
    }

    public function testReadsAGeneratorOnceAndInRightPieces(): void
    {
        $request = Request::of('PUT', 'https://example.com/', ['body' => (static function () {
            yield '';
            yield 'abcdef';
            yield 'g';
        })()], 0);
        self::assertInstanceOf(BodySource::class, $request->body);
        self::assertTrue($request->body->rewind());
        self::assertSame(['abcd', 'ef', 'g', '', ''], array_map(static fn() => $request->body->take(4), range(1, 5)));
        self::assertFalse($request->body->rewind());
    }

    public function testRefusesABodyPieceThatIsNoString(): void
    {
        $body = Request::of('PUT', 'https://example.com/', ['body' => [1]], 0)->body;
        self::assertInstanceOf(BodySource::class, $body);
        $this->expectException(InvalidArgumentException::class);
        $this->expectExceptionMessage('body: its iterator gave int; allowed is string.');
        $body->take(10);
    }

    public function testRefusesTooMuchFromABodyFunction(): void
    {
        $body = Request::of('PUT', 'https://example.com/', ['body' => static fn(int $maxBytes): string => 'abc'], 0)->body;
        self::assertInstanceOf(BodySource::class, $body);
        $this->expectException(InvalidArgumentException::class);
        $body->take(2);
    }

    /**
     * @return iterable<array{string, string, string}>
     */
    public static function labels(): iterable
    {
        yield ['GET', 'https://example.com/a?token=secret#x', 'GET https://example.com/a'];
        yield ['GET', 'https://user:secret@example.com/a@b', 'GET https://example.com/a@b'];
        yield ['GET', "https://example.com/a\r\nx: \xFF", 'GET https://example.com/a??x:??'];
        yield ["G\nT", '/just/a/path?secret', 'G?T /just/a/path'];
    }

    #[DataProvider('labels')]
    public function testNamesARequestWithoutItsSecrets(string $method, string $url, string $label): void
    {
        self::assertSame($label, Request::of($method, $url, [], 0)->label());
    }
}
