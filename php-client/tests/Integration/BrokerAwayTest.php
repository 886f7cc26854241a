<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Closure;
use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Exception\BrokerUnavailableException;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\NetworkException;
use Hawser\Exception\TimeoutException;
use Hawser\Fallback;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\MemoryLogger;
use Hawser\Tests\Support\RawOrigin;

/**
 * The broker is absent, silent, leaves, or dies: what is safe is sent again or goes direct, and nothing is sent twice
 * that may have been processed.
 */
final class BrokerAwayTest extends ClientTestCase
{
    private RawOrigin $origin;

    protected function setUp(): void
    {
        $this->origin = RawOrigin::run(RawOrigin::answering(static fn(string $head, string $body): string
            => "HTTP/1.1 200 OK\r\nContent-Length: " . (6 + \strlen($body)) . "\r\n\r\ndirect{$body}"));
    }

    public function testAbsentGoesDirectWhateverTheMethod(): void
    {
        $client = self::client(FakeBroker::path(), Fallback::Direct);
        self::assertSame('directhello', $client->request('POST', $this->origin->url, ['body' => 'hello'])->body());
    }

    public function testAbsentFailsAtOnceWhereThatIsWanted(): void
    {
        $start = microtime(true);
        $e = $this->unavailable(static fn() => self::client(FakeBroker::path(), connectTimeoutMs: 2000)->request('POST', self::URL));
        self::assertLessThan(1.0, microtime(true) - $start);
        self::assertSame(['broker_unavailable', 0, 'no', 'broker'], [$e->errorName(), $e->errorNumber(), $e->processed(), $e->source()]);
        self::assertStringContainsString('No such file or directory', $e->getMessage());
        self::assertStringNotContainsString('secret', $e->getMessage());
    }

    public function testAStaleSocketFileGoesDirect(): void
    {
        $path = FakeBroker::path();
        $server = stream_socket_server("unix://{$path}");
        self::assertIsResource($server);
        fclose($server);
        self::assertFileExists($path);
        self::assertSame('direct', self::client($path, Fallback::Direct)->request('POST', $this->origin->url)->body());
        unlink($path);
    }

    public function testSilentGoesDirectAfterTheConnectTimeoutIfThatIsSafe(): void
    {
        $broker = self::silent();
        $start = microtime(true);
        self::assertSame('directabc', self::client($broker, Fallback::Direct, 500)->request('PUT', $this->origin->url, ['body' => 'abc'])->body());
        self::assertGreaterThan(0.45, microtime(true) - $start);
        self::assertLessThan(3.0, microtime(true) - $start);
        // For a moment the broker is not even asked.
        $start = microtime(true);
        self::assertSame('direct', self::client($broker, Fallback::Direct, 500)->request('POST', $this->origin->url)->body());
        self::assertLessThan(0.45, microtime(true) - $start);
    }

    public function testSilentMayHaveProcessedAPost(): void
    {
        foreach ([Fallback::Direct, Fallback::Fail] as $fallback) {
            $broker = self::silent();
            $start = microtime(true);
            $e = $this->unavailable(fn() => self::client($broker, $fallback, 100)->request('POST', $this->origin->url));
            self::assertLessThan(3.0, microtime(true) - $start);
            self::assertSame('maybe', $e->processed());
            self::assertStringContainsString('did not say WELCOME within 100 ms', $e->getMessage());
        }
    }

    public function testSilentHasNotProcessedWhatIsNotWhole(): void
    {
        $broker = self::silent();
        $e = $this->unavailable(fn() => self::client($broker, Fallback::Fail, 100)->request('POST', $this->origin->url, ['headers' => ['x' => str_repeat('x', 250_000)]]));
        self::assertSame('no', $e->processed(), 'the REQUEST frame did not fit into the socket');
    }

    public function testEndMidwayRepeatsWhatIsIdempotent(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): int {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'half', isEnd: false));
            $peer->close();
            $broker->accept()->serveOne('whole');

            return 2;
        });
        self::assertSame('whole', self::client($broker)->request('GET', self::URL)->body());
        self::assertSame(2, $broker->report());
    }

    public function testEndMidwayTwiceGoesDirect(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            foreach ([1, 2] as $_) {
                $peer = $broker->accept()->hello();
                $peer->frame();
                $peer->send(BrokerFrames::welcome($peer->nonce));
                $peer->close();
            }
        });
        self::assertSame('direct', self::client($broker, Fallback::Direct)->request('GET', $this->origin->url)->body());
    }

    public function testEndMidwayMayHaveProcessedAPost(): void
    {
        $broker = self::closingAfterRequest();
        $e = self::thrown(NetworkException::class, fn() => self::client($broker, Fallback::Direct)->request('POST', $this->origin->url));
        self::assertSame(['broker_gone', 'maybe'], [$e->errorName(), $e->processed()]);
        self::assertSame("POST {$this->origin->url}: the broker closed the connection; the request may have been processed (broker_gone)", $e->getMessage());
    }

    public function testEndMidwayCannotRepeatABodyThatIsGone(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frameOf(5);
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $peer->close();
        });
        $body = (static function () {
            yield 'abc';
        })();
        self::thrown(NetworkException::class, fn() => self::client($broker, Fallback::Direct)->request('PUT', $this->origin->url, ['body' => $body]));
    }

    public function testEndMidwayOfAStreamedResponseIsAnError(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): bool {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'half', isEnd: false));
            $peer->frame();
            $peer->close();

            return $broker->isCalled(0.2);
        });
        $client = self::client($broker, Fallback::Direct);
        $response = $client->request('GET', self::URL, ['stream' => true]);
        self::assertSame('half', $response->read(4));
        $client->start('CANCELLED', self::URL)->cancel();
        $e = self::thrown(NetworkException::class, static fn() => $response->read(4));
        self::assertStringContainsString('the broker closed the connection', $e->getMessage());
        self::assertFalse($broker->report());
    }

    public function testGoawayMovesNewAndUnprocessedExchangesToANewSocket(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $old = $broker->accept()->hello();
            $old->frameOf(3);
            $old->frameOf(3);
            $old->send(BrokerFrames::welcome($old->nonce) . BrokerFrames::goaway(1));
            $new = $broker->accept()->hello();
            $moved = $new->frame();
            $new->send(BrokerFrames::welcome($new->nonce) . BrokerFrames::response(1, 'moved'));
            $fresh = $new->frame();
            $new->send(BrokerFrames::response(2, 'fresh'));
            $old->send(BrokerFrames::response(1, 'finished'));
            $old->awaitEnd();

            return [$moved[4] ?? null, $fresh[4] ?? null];
        });
        $client = self::client($broker);
        $finishing = $client->start('GET', self::URL);
        $unprocessed = $client->start('POST', self::URL);
        self::assertSame('moved', $unprocessed->response()->body());
        self::assertSame('fresh', $client->request('PATCH', self::URL)->body());
        self::assertSame('finished', $finishing->response()->body());
        self::assertSame(['POST', 'PATCH'], $broker->report());
    }

    public function testDrainingOnEverySocketGoesDirect(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            foreach ([1, 2] as $_) {
                $peer = $broker->accept()->hello();
                $peer->frame();
                $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::error(1, 8, 'broker_draining', 'the broker is stopping', 0, 'broker'));
            }
        });
        self::assertSame('direct', self::client($broker, Fallback::Direct)->request('POST', $this->origin->url)->body());
    }

    public function testWhatWaitsForRoomMovesWithADrainingBroker(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $old = $broker->accept()->hello();
            $old->frame();
            $old->send(BrokerFrames::welcome($old->nonce, 1) . BrokerFrames::response(1));
            $old->frame();
            usleep(50_000);
            $old->send(BrokerFrames::error(2, 8, 'broker_draining', 'the broker is stopping', 0, 'broker'));
            $new = $broker->accept()->hello();
            foreach (['a', 'b', 'c'] as $n => $body) {
                $new->frameOf(3);
                $new->send(($n === 0 ? BrokerFrames::welcome($new->nonce) : '') . BrokerFrames::response($n + 1, $body));
            }
        });
        $client = self::client($broker);
        $client->request('GET', self::URL);
        $exchanges = [$client->start('POST', self::URL), $client->start('POST', self::URL), $client->start('POST', self::URL)];
        self::assertSame(['a', 'b', 'c'], array_map(static fn($response) => $response->body(), $client->all($exchanges)));
    }

    public function testTooManyConnectionsGoesDirect(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::error(0, 7, 'too_many_connections', 'full', 0, 'broker'));
            $peer->close();
        });
        self::assertSame('direct', self::client($broker, Fallback::Direct)->request('POST', $this->origin->url)->body());
    }

    public function testNonsenseFromTheBrokerEndsTheConnectionOnly(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . "\xFF\xFF\xFF\xFFnonsense");
            $peer->awaitEnd();
            $broker->accept()->serveOne('good again');
        });
        $client = self::client($broker);
        $e = self::thrown(NetworkException::class, static fn() => $client->request('POST', self::URL));
        self::assertStringContainsString('announced a frame of 4294967295 octets', $e->getMessage());
        self::assertSame('good again', $client->request('POST', self::URL)->body());
    }

    public function testEndsAtTheDeadlineWhenTheBrokerSaysNothing(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): mixed {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce));

            return $peer->frame();
        });
        $start = microtime(true);
        $e = self::thrown(TimeoutException::class, static fn() => self::client($broker)->request('GET', self::URL, ['timeoutMs' => 100]));
        self::assertLessThan(3.0, microtime(true) - $start);
        self::assertSame(['deadline_exceeded', 60, 'maybe', 'client'], [$e->errorName(), $e->errorNumber(), $e->processed(), $e->source()]);
        self::assertSame([8, 1], $broker->report());
    }

    public function testEndsAtTheDeadlineWhenTheBrokerReadsNothing(): void
    {
        $broker = self::silent();
        $body = (static function () {
            for (; ;) {
                yield str_repeat('x', 4000);
            }
        })();
        $start = microtime(true);
        self::thrown(TimeoutException::class, static fn() => self::client($broker)->request('PUT', self::URL, ['timeoutMs' => 300, 'body' => $body]));
        self::assertLessThan(3.0, microtime(true) - $start);
    }

    public function testStartDoesNotWaitForABrokerThatReadsNothing(): void
    {
        $broker = self::silent();
        $client = self::client($broker);
        $start = microtime(true);
        $exchanges = [];
        for ($n = 0; $n < 200; ++$n) {
            $exchanges[] = $client->start('GET', self::URL, ['headers' => ['x-filler' => str_repeat('x', 4000)]]);
        }
        self::assertLessThan(5.0, microtime(true) - $start);
        self::assertFalse($exchanges[0]->isEnded());
    }

    public function testWhatIsLeftOfTheTimeOfThePhpRequestIsTheLimit(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $timeouts = [];
            $peer = $broker->accept()->hello();
            for ($n = 1; $n <= 3; ++$n) {
                $timeouts[] = $peer->frameOf(3)[3] ?? null;
                $peer->send(($n === 1 ? BrokerFrames::welcome($peer->nonce) : '') . BrokerFrames::response($n));
            }

            return $timeouts;
        });
        $client = self::client($broker);
        $start = $_SERVER['REQUEST_TIME_FLOAT'] ?? null;
        try {
            ini_set('max_execution_time', '100');
            $_SERVER['REQUEST_TIME_FLOAT'] = microtime(true) - 99;
            $client->request('GET', self::URL, ['timeoutMs' => 5000]);
            $client->request('GET', self::URL, ['timeoutMs' => 300]);
            // A script that outlives the limit shows that the limit is no wall clock.
            $_SERVER['REQUEST_TIME_FLOAT'] = microtime(true) - 101;
            $client->request('GET', self::URL, ['timeoutMs' => 5000]);
        } finally {
            ini_set('max_execution_time', '0');
            $_SERVER['REQUEST_TIME_FLOAT'] = $start;
        }
        $timeouts = $broker->report();
        self::assertIsArray($timeouts);
        self::assertEqualsWithDelta([800, 300, 5000], $timeouts, 200);
    }

    public function testBothPathsGoOnAtOnce(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::goaway(1));
            // The new socket is never answered, so what moves there goes direct after a while.
            $silent = $broker->accept();
            usleep(300_000);
            $peer->send(BrokerFrames::response(1, 'by the broker'));
            $peer->awaitEnd();
            $silent->close();
        });
        $client = self::client($broker, Fallback::Direct, 100);
        $exchanges = [$client->start('GET', $this->origin->url), $client->start('GET', $this->origin->url)];
        self::assertSame('direct', $exchanges[1]->response()->body());
        $exchanges[] = $client->start('POST', $this->origin->url);
        $responses = $client->all($exchanges);
        self::assertSame(['by the broker', 'direct', 'direct'], array_map(static fn($response) => $response->body(), $responses));
        self::assertSame([false, true, true], array_map(static fn($response) => $response->facts()?->isDirect, $responses));
    }

    public function testFallbackIsLoggedWithItsReason(): void
    {
        $logger = new MemoryLogger();
        $broker = self::silent();
        $client = new Client(new ClientOptions(socket: $broker->socket, connectTimeoutMs: 50, logger: $logger));
        $client->request('GET', $this->origin->url);
        $client->request('GET', $this->origin->url);
        self::assertSame(['warning: Hawser: the broker is away, requests go direct: the broker did not say WELCOME within 50 ms'], $logger->lines);
    }

    private static function silent(): FakeBroker
    {
        return FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept();
            $broker->isCalled(5.0);
            $peer->close();
        });
    }

    private static function closingAfterRequest(): FakeBroker
    {
        return FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce));
            $peer->close();
        });
    }

    /**
     * @param Closure(): mixed $code
     */
    private function unavailable(Closure $code): ExchangeException
    {
        return self::thrown(BrokerUnavailableException::class, $code);
    }
}
