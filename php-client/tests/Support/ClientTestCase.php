<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Closure;
use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Fallback;
use PHPUnit\Framework\TestCase;
use Throwable;

/**
 * A client on a fake broker. Each test has sockets of its own; what is left of them is dropped after it.
 */
abstract class ClientTestCase extends TestCase
{
    protected const URL = 'https://api.example.com/v1/me?token=secret';

    protected function tearDown(): void
    {
        self::closeConnections();
    }

    protected static function client(FakeBroker|string $broker, Fallback $fallback = Fallback::Fail, int $connectTimeoutMs = 2000, int $timeoutMs = 5000, int $windowBytes = 256 * 1024): Client
    {
        return new Client(new ClientOptions(
            socket: \is_string($broker) ? $broker : $broker->socket,
            fallback: $fallback,
            connectTimeoutMs: $connectTimeoutMs,
            timeoutMs: $timeoutMs,
            windowBytes: $windowBytes,
        ));
    }

    /**
     * Closes the streams that this process keeps, as the end of a worker would.
     */
    protected static function closeConnections(): void
    {
        WorkerMemory::forget(true);
    }

    /**
     * @template T of Throwable
     *
     * @param class-string<T>  $class
     * @param Closure(): mixed $code
     *
     * @return T
     */
    protected static function thrown(string $class, Closure $code): Throwable
    {
        try {
            $code();
        } catch (Throwable $e) {
            self::assertInstanceOf($class, $e, $e::class . ': ' . $e->getMessage());

            return $e;
        }
        self::fail("no {$class} was thrown");
    }
}
