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
        yield 'unknown name' => [static fn() => ClientOptions::fromArray(['sokket' => '/a']), '"sokket" is no option; allowed are socket, fallback, connectTimeoutMs, timeoutMs, windowBytes, logger, caFile'];
        yield 'wrong type' => [static fn() => ClientOptions::fromArray(['timeoutMs' => '5']), 'timeoutMs is string; allowed is int'];
        yield 'wrong fallback' => [static fn() => ClientOptions::fromArray(['fallback' => 'maybe']), 'fallback is "maybe"; allowed are direct and fail'];
        yield 'wrong environment' => [static function (): void {
            putenv('HAWSER_FALLBACK=yes');
            ClientOptions::fromEnvironment();
        }, 'HAWSER_FALLBACK is "yes"; allowed are direct and fail'];
    }
}
