<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Closure;
use Hawser\ClientOptions;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Fallback;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

final class ClientOptionsTest extends TestCase
{
    protected function tearDown(): void
    {
        putenv('HAWSER_SOCKET');
        putenv('HAWSER_FALLBACK');
        putenv('HAWSER_ONLY');
        putenv('HAWSER_PERCENT');
    }

    public function testDefaults(): void
    {
        $options = ClientOptions::fromEnvironment();
        self::assertSame('/run/hawser/hawser.sock', $options->socket);
        self::assertSame(Fallback::Direct, $options->fallback);
        self::assertSame([250, 30_000, 262_144], [$options->connectTimeoutMs, $options->timeoutMs, $options->windowBytes]);
    }

    public function testReadsTheEnvironment(): void
    {
        putenv('HAWSER_SOCKET=/tmp/other.sock');
        putenv('HAWSER_FALLBACK=fail');
        $options = ClientOptions::fromEnvironment();
        self::assertSame('/tmp/other.sock', $options->socket);
        self::assertSame(Fallback::Fail, $options->fallback);
    }

    public function testReadsWhichRequestsAreItsOwn(): void
    {
        putenv('HAWSER_ONLY=https://api.example.com, http://localhost:*');
        putenv('HAWSER_PERCENT=0');
        $options = ClientOptions::fromEnvironment();
        self::assertSame([['https://api.example.com', 'http://localhost:*'], 0], [$options->only, $options->percent]);
        putenv('HAWSER_SOCKET=/tmp/other.sock');
        $options = ClientOptions::only(['https://a.example']);
        self::assertSame([['https://a.example'], 100, '/tmp/other.sock'], [$options->only, $options->percent, $options->socket]);
    }

    /**
     * @return iterable<string, array{string, string, bool}>
     */
    public static function origins(): iterable
    {
        $host = 'https://api.example.com';
        foreach (['', '/', '/a', '?a', ':443', ':443/a', ':/a', './a'] as $rest) {
            yield "host with {$rest}" => [$host, $host . $rest, true];
        }
        yield 'host in capitals' => [$host, 'HTTPS://API.example.COM/', true];
        yield 'slash at the end' => ["{$host}/", "{$host}/a", true];
        yield 'default port' => ["{$host}:443", "{$host}/a", true];
        foreach ([':8443/', '.evil.example/', '@evil.example/', '\\.evil.example/', '#@evil.example', ':443@evil.example/'] as $rest) {
            yield "another: {$rest}" => [$host, $host . $rest, $rest === '#@evil.example'];
        }
        yield 'another scheme' => [$host, 'http://api.example.com/', false];
        yield 'a dot is a dot' => [$host, 'https://apixexample.com/', false];
        yield 'one label' => ['https://*.example.com', 'https://a.example.com/', true];
        yield 'two labels' => ['https://*.amazonaws.com', 'https://dynamodb.eu-central-1.amazonaws.com/', true];
        yield 'no label' => ['https://*.example.com', 'https://example.com/', false];
        yield 'an empty label' => ['https://*.example.com', 'https://.example.com/', false];
        yield 'wildcard and path' => ['https://*.example.com', 'https://evil.example/a.example.com', false];
        yield 'wildcard and userinfo' => ['https://*.example.com', 'https://u@a.example.com/', false];
        yield 'any port' => ['http://localhost:*', 'http://localhost:8123/', true];
        yield 'any port, none' => ['http://localhost:*', 'http://localhost/', true];
        yield 'one port' => ['http://localhost:81', 'http://localhost:81/', true];
        yield 'one port, none' => ['http://localhost:81', 'http://localhost/', false];
        yield 'any host' => ['http://*', 'http://a.b.c/', true];
        yield 'any host is one scheme' => ['http://*', 'https://a.b.c/', false];
        yield 'IPv6' => ['http://[::1]:*', 'http://[::1]:80/', true];
    }

    #[DataProvider('origins')]
    public function testTakesOrigins(string $pattern, string $url, bool $isTaken): void
    {
        self::assertSame($isTaken, ClientOptions::only(['https://unlike.example', $pattern])->takes($url));
    }

    public function testTakesAPart(): void
    {
        $options = new ClientOptions(percent: 30);
        $taken = 0;
        for ($n = 0; $n < 10_000; ++$n) {
            $taken += (int) $options->takes('https://api.example.com/');
        }
        // Ten standard deviations of a binomial distribution.
        self::assertEqualsWithDelta(3000, $taken, 460);
        self::assertFalse((new ClientOptions(percent: 0))->takes('https://api.example.com/'));
    }

    public function testReadsAnArray(): void
    {
        $options = ClientOptions::fromArray(['socket' => '/tmp/a.sock', 'fallback' => 'fail', 'timeoutMs' => 0, 'caFile' => __FILE__]);
        self::assertSame(['/tmp/a.sock', Fallback::Fail, 0, __FILE__], [$options->socket, $options->fallback, $options->timeoutMs, $options->caFile]);
    }

    /**
     * @param Closure(): mixed $make
     */
    #[DataProvider('wrong')]
    public function testNamesWhatIsWrong(Closure $make, string $message): void
    {
        $this->expectException(InvalidArgumentException::class);
        $this->expectExceptionMessage($message);
        $make();
    }

    /**
     * @return iterable<string, array{Closure(): mixed, string}>
     */
    public static function wrong(): iterable
    {
        yield 'relative socket' => [static fn() => new ClientOptions(socket: 'a.sock'), 'socket is "a.sock"; allowed is an absolute path'];
        yield 'long socket' => [static fn() => new ClientOptions(socket: '/' . str_repeat('a', 107)), 'at most 107 octets'];
        yield 'no time to connect' => [static fn() => new ClientOptions(connectTimeoutMs: 0), 'connectTimeoutMs is 0; allowed is 1 to 60000'];
        yield 'negative timeout' => [static fn() => new ClientOptions(timeoutMs: -1), 'timeoutMs is -1; allowed is 0 to 2147483647'];
        yield 'small window' => [static fn() => new ClientOptions(windowBytes: 1), 'windowBytes is 1; allowed is 16384 to 67108864'];
        yield 'missing CA file' => [static fn() => new ClientOptions(caFile: '/no/such/file'), 'caFile is "/no/such/file"; allowed is a readable file'];
        yield 'unknown name' => [static fn() => ClientOptions::fromArray(['sokket' => '/a']), '"sokket" is no option; allowed are socket, fallback, connectTimeoutMs, timeoutMs, windowBytes, logger, caFile, only, percent, maxDirectPerSecond, onFallback'];
        yield 'wrong type' => [static fn() => ClientOptions::fromArray(['timeoutMs' => '5']), 'timeoutMs is string; allowed is int'];
        yield 'wrong fallback' => [static fn() => ClientOptions::fromArray(['fallback' => 'maybe']), 'fallback is "maybe"; allowed are direct and fail'];
        foreach (['api.example.com', 'https://', 'https://a b', 'https://a.*.example', 'https://user@a.example', 'https://a.example/path', 'ftp://a.example', 'https://a.example:x', 'https://*.[::1]'] as $origin) {
            yield "no origin: {$origin}" => [static fn() => ClientOptions::only([$origin]), 'ClientOptions: only holds ' . json_encode($origin, JSON_UNESCAPED_SLASHES) . '; allowed are origins such as https://api.example.com'];
        }
        yield 'no origins' => [static fn() => ClientOptions::only([]), 'ClientOptions: only is an empty list'];
        yield 'percent' => [static fn() => new ClientOptions(percent: 101), 'percent is 101; allowed is 0 to 100'];
        yield 'limit' => [static fn() => new ClientOptions(maxDirectPerSecond: -1), 'maxDirectPerSecond is -1; allowed is 0 to 1000000'];
        yield 'hook' => [static fn() => ClientOptions::fromArray(['onFallback' => 'strlen']), 'onFallback is string; allowed is Closure(Hawser\FallbackEvent) or null'];
        yield 'wrong percent in the environment' => [static function (): void {
            putenv('HAWSER_PERCENT=10%');
            ClientOptions::fromEnvironment();
        }, 'HAWSER_PERCENT is "10%"; allowed is 0 to 100'];
        yield 'wrong origin in the environment' => [static function (): void {
            putenv('HAWSER_ONLY=https://a.example;https://b.example');
            ClientOptions::fromEnvironment();
        }, 'HAWSER_ONLY holds "https://a.example;https://b.example"'];
        yield 'wrong environment' => [static function (): void {
            putenv('HAWSER_FALLBACK=yes');
            ClientOptions::fromEnvironment();
        }, 'HAWSER_FALLBACK is "yes"; allowed are direct and fail'];
    }
}
