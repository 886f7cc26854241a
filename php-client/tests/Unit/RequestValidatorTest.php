<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Exception\ErrorCode;
use Hawser\Internal\Direct\RequestValidator;
use Hawser\Internal\Request;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

final class RequestValidatorTest extends TestCase
{
    /**
     * @param array<string, mixed> $options
     */
    #[DataProvider('invalid')]
    public function testRefuses(string $method, string $url, array $options, ErrorCode $code): void
    {
        $complaint = RequestValidator::complaint(Request::of($method, $url, $options, 0));
        self::assertNotNull($complaint);
        self::assertSame($code, $complaint[0]);
        self::assertStringNotContainsString('secret', $complaint[1]);
    }

    /**
     * @return iterable<string, array{string, string, array<string, mixed>, ErrorCode}>
     */
    public static function invalid(): iterable
    {
        foreach (['', 'example.com', '/path', 'https:///path', 'https://', 'ftp://example.com/', 'https://user:secret@example.com/', 'https://user@example.com', 'https://example.com:0/', 'https://example.com:65536/', 'https://example.com:x/', 'https://exa mple.com/', 'https://example.com/a b', "https://example.com/\r\nx: y", "https://example.com/\xC3\xA9", 'https://-example.com/', 'https://[::1/', 'https://[127.0.0.1]/', 'https://a..b/', 'https://example.com/{secret}'] as $url) {
            yield "URL {$url}" => ['GET', $url, [], ErrorCode::RequestInvalid];
        }
        foreach (['', 'GE T', "GET\r\n", 'GET:', "G\xC3\x89T"] as $method) {
            yield "method {$method}" => [$method, 'https://example.com/', [], ErrorCode::RequestInvalid];
        }
        yield 'tunnel' => ['CONNECT', 'https://example.com/', [], ErrorCode::RequestUnsupported];
        foreach (['', 'a b', "a\r\nb", 'a:', "a\xC3"] as $name) {
            yield "field name {$name}" => ['GET', 'https://example.com/', ['headers' => [$name => 'v']], ErrorCode::RequestInvalid];
        }
        foreach (["secret\r\nx: y", "secret\0", "secret\n", "secret\x7F"] as $value) {
            yield 'field value ' . bin2hex($value) => ['GET', 'https://example.com/', ['headers' => ['a' => $value]], ErrorCode::RequestInvalid];
        }
        yield 'content-length that is wrong' => ['POST', 'https://example.com/', ['body' => 'abc', 'headers' => ['content-length' => '4']], ErrorCode::RequestInvalid];
        yield 'content-length without a body' => ['POST', 'https://example.com/', ['headers' => ['content-length' => '4']], ErrorCode::RequestInvalid];
        yield 'content-length twice' => ['POST', 'https://example.com/', ['body' => 'abc', 'headers' => ['content-length' => ['3', '3']]], ErrorCode::RequestInvalid];
        yield 'too many octets' => ['GET', 'https://example.com/', ['headers' => ['a' => str_repeat('x', 192 * 1024)]], ErrorCode::RequestTooLarge];
        yield 'too many lines' => ['GET', 'https://example.com/', ['headers' => ['a' => array_fill(0, 1001, '')]], ErrorCode::RequestTooLarge];
        yield 'trailers' => ['POST', 'https://example.com/', ['trailers' => ['a' => 'b']], ErrorCode::RequestUnsupported];
    }

    /**
     * @param array<string, mixed> $options
     */
    #[DataProvider('valid')]
    public function testAccepts(string $method, string $url, array $options): void
    {
        self::assertNull(RequestValidator::complaint(Request::of($method, $url, $options, 0)));
    }

    /**
     * @return iterable<string, array{string, string, array<string, mixed>}>
     */
    public static function valid(): iterable
    {
        foreach (['https://example.com', 'HTTP://EXAMPLE.com:8080', 'https://example.com?q=a@b', 'https://[::1]:443/a//../b;c', 'https://127.0.0.1:65535/%zz', 'https://a_b.internal./', 'https://example.com/#part'] as $url) {
            yield $url => ['GET', $url, []];
        }
        yield 'any token' => ['M-SEARCH', 'https://example.com/', []];
        yield 'octets and tabs' => ['GET', 'https://example.com/', ['headers' => ['a' => "\xFF\t\x80", 'b' => '']]];
        yield 'right content-length' => ['POST', 'https://example.com/', ['body' => 'abc', 'headers' => ['content-length' => '3']]];
    }
}
