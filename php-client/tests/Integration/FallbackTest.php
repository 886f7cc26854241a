<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Closure;
use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Exception\BrokerUnavailableException;
use Hawser\Exception\NetworkException;
use Hawser\FallbackEvent;
use Hawser\Internal\Outage;
use Hawser\Psr18Client;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\MemoryLogger;
use Hawser\Tests\Support\RawOrigin;
use Hawser\Tests\Support\WorkerMemory;
use Nyholm\Psr7\Factory\Psr17Factory;
use RuntimeException;

/**
 * Going step by step, and what all workers of a pod do together while the broker is away.
 */
final class FallbackTest extends ClientTestCase
{
    private const A_LONG_SECOND = 10;

    private static RawOrigin $origin;

    private string $socket;

    private MemoryLogger $logger;

    public static function setUpBeforeClass(): void
    {
        self::$origin = RawOrigin::run(RawOrigin::answering(static fn(): string => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect"));
    }

    protected function setUp(): void
    {
        $this->socket = FakeBroker::path();
        $this->logger = new MemoryLogger();
    }

    protected function tearDown(): void
    {
        parent::tearDown();
        @unlink(Outage::file($this->socket));
    }

    public function testWhatIsLeftOutGoesDirectAndIsNoFallback(): void
    {
        $broker = FakeBroker::run(static fn(FakeBroker $broker): mixed => $broker->accept()->serveOne('by the broker')->frame(), $this->socket);
        $events = [];
        $client = $this->pod(only: ['https://*.example.com'], onFallback: static function (FallbackEvent $event) use (&$events): void {
            $events[] = $event;
        }, maxDirectPerSecond: 1);
        for ($n = 0; $n < 3; ++$n) {
            $response = $client->request('POST', self::$origin->url);
            self::assertSame(['direct', true], [$response->body(), $response->facts()?->isDirect]);
        }
        $response = $client->request('GET', self::URL);
        self::assertSame(['by the broker', false], [$response->body(), $response->facts()?->isDirect]);
        self::assertSame([[], []], [$events, $this->logger->lines]);
        self::closeConnections();
        $broker->report();
    }

    public function testPsr18HandsWhatIsLeftOutToItsBypass(): void
    {
        $bypass = new Psr18Client($this->pod());
        $client = new Psr18Client($this->pod(only: ['https://*.example.com']), bypass: $bypass);
        $request = (new Psr17Factory())->createRequest('GET', self::$origin->url);
        self::assertSame('direct', (string) $client->sendRequest($request)->getBody());
        self::assertCount(1, $this->logger->lines, 'the bypass asked its own broker, which is away');
    }

    public function testALimitPerSecondHoldsForAllWorkersTogether(): void
    {
        // Each worker notes in one octet what became of each of its requests.
        $results = stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0) ?: [];
        $workers = [];
        for ($n = 0; $n < 4; ++$n) {
            $pid = pcntl_fork();
            if ($pid === 0) {
                $client = $this->pod(maxDirectPerSecond: 5);
                $startedAt = hrtime(true);
                for ($m = 0; $m < 10; ++$m) {
                    try {
                        $client->request('GET', self::$origin->url);
                        fwrite($results[1], '+');
                    } catch (BrokerUnavailableException) {
                        fwrite($results[1], '-');
                    }
                }
                fwrite($results[1], pack('N', intdiv((int) hrtime(true) - $startedAt, 1_000_000_000)));
                posix_kill((int) getmypid(), \SIGKILL);
            }
            $workers[] = $pid;
        }
        foreach ($workers as $pid) {
            pcntl_waitpid($pid, $status);
        }
        fclose($results[1]);
        $octets = (string) stream_get_contents($results[0]);
        $seconds = 1 + max(0, ...array_map(ord(...), str_split((string) preg_replace('/[+-]/', '', $octets))));
        $direct = substr_count($octets, '+');
        self::assertSame(40, $direct + substr_count($octets, '-'));
        self::assertGreaterThanOrEqual(5, $direct);
        self::assertLessThanOrEqual(5 * ($seconds + 1), $direct, 'four workers share what one may');
    }

    public function testLogsEachChangeOnceForAllWorkersAndTriesTheBrokerAgain(): void
    {
        $events = [];
        $note = static function (FallbackEvent $event) use (&$events): void {
            $events[] = [$event->method, $event->url, $event->isAllowed];
        };
        $worker = fn(): Client => $this->pod(maxDirectPerSecond: 2, onFallback: $note);
        $refused = 0;
        $end = microtime(true) + self::A_LONG_SECOND;
        while ($refused < 2 && microtime(true) < $end) {
            try {
                $worker()->request('GET', self::$origin->url . '/?secret');
            } catch (BrokerUnavailableException $e) {
                ++$refused;
                self::assertStringContainsString('2 requests have gone direct within a second, as many as maxDirectPerSecond allows', $e->getMessage());
                self::assertSame('no', $e->processed());
            }
            WorkerMemory::forget();
        }
        self::assertSame(2, $refused);
        self::assertSame(['GET', self::$origin->url . '/', true], $events[0]);
        self::assertSame(['GET', self::$origin->url . '/', false], end($events));
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $broker->accept()->serveOne('back')->frame();
            $broker->accept()->serveOne('still')->frame();
        }, $this->socket);
        self::assertSame('back', $worker()->request('GET', self::URL)->body());
        self::assertFileDoesNotExist(Outage::file($this->socket));
        self::closeConnections();
        self::assertSame('still', $worker()->request('GET', self::URL)->body());
        self::assertSame([
            "warning: Hawser: the broker is away, requests go direct: {$this->socket}: No such file or directory",
            'error: Hawser: the broker is away and 2 requests went direct within a second: more of them fail',
            'notice: Hawser: the broker is back',
        ], $this->logger->lines);
        self::closeConnections();
        $broker->report();
    }

    public function testOneWorkerFindsASilentBrokerAndTheOthersDoNotAsk(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): bool {
            $silent = $broker->accept();
            $other = $broker->accept();

            // A worker that leaves the broker alone connects, and sends nothing.
            return $other->frame() === null && $silent->frame() !== null;
        }, $this->socket);
        $silentMs = 300;
        $client = new Client(new ClientOptions(socket: $this->socket, connectTimeoutMs: $silentMs, logger: $this->logger));
        self::assertSame('direct', $client->request('GET', self::$origin->url)->body());
        WorkerMemory::forget();
        $startedAt = hrtime(true);
        $response = $this->pod()->request('GET', self::$origin->url);
        if (hrtime(true) - $startedAt < 900_000_000) {
            self::assertSame('direct', $response->body());
            self::assertTrue($broker->report());
        }
        self::assertCount(1, $this->logger->lines);
    }

    public function testWhatTheHookThrowsEndsTheRequest(): void
    {
        $client = $this->pod(onFallback: static fn() => throw new RuntimeException('mine'));
        self::assertSame('mine', self::thrown(RuntimeException::class, static fn() => $client->request('GET', self::$origin->url))->getMessage());
    }

    public function testCountsForItselfWhereTheFileCannotBeUsed(): void
    {
        symlink('/no/such/target', Outage::file($this->socket));
        $client = $this->pod(maxDirectPerSecond: 1);
        $refused = 0;
        for ($n = 0; $n < 50 && $refused === 0; ++$n) {
            try {
                self::assertSame('direct', $client->request('GET', self::$origin->url)->body());
            } catch (BrokerUnavailableException) {
                ++$refused;
            }
        }
        self::assertSame(1, $refused);
        self::assertFileDoesNotExist('/no/such/target');
        self::assertCount(2, $this->logger->lines);
        unlink(Outage::file($this->socket));
    }

    public function testNothingNonIdempotentIsSentTwice(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $peer->close();
        }, $this->socket);
        $events = [];
        $client = $this->pod(onFallback: static function (FallbackEvent $event) use (&$events): void {
            $events[] = $event;
        });
        self::assertSame('maybe', self::thrown(NetworkException::class, static fn() => $client->request('POST', self::$origin->url))->processed());
        self::assertSame([], $events);
        $broker->report();
    }

    /**
     * @param list<string>|null                    $only
     * @param (Closure(FallbackEvent): mixed)|null $onFallback
     */
    private function pod(?array $only = null, int $maxDirectPerSecond = 0, ?Closure $onFallback = null): Client
    {
        return new Client(new ClientOptions(socket: $this->socket, connectTimeoutMs: 5000, timeoutMs: 10_000, logger: $this->logger, only: $only, maxDirectPerSecond: $maxDirectPerSecond, onFallback: $onFallback));
    }
}
