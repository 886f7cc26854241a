<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Exception\HawserException;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Exception\NetworkException;
use Hawser\Exception\RequestException;
use Hawser\Exception\TlsException;
use Hawser\Fields;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use PHPUnit\Framework\Attributes\DataProvider;
use RuntimeException;

/**
 * What goes over the wire for one exchange, and what comes of it.
 */
final class ExchangeTest extends ClientTestCase
{
    public function testSendsTheRequestAsItIsAndReadsTheResponseAsItIs(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): mixed {
            $peer = $broker->accept();
            $hello = $peer->frame();
            $request = $peer->frame();
            $peer->nonce = \is_string($hello[2] ?? null) ? $hello[2] : '';
            $peer->send(BrokerFrames::welcome($peer->nonce)
                . BrokerFrames::informational(1, 103, ['link', '</a>'])
                . BrokerFrames::response(1, 'the body', 404, ['x-a', '1', 'x-b', "\xFF", 'x-a', '2']));

            return [$hello, $request];
        });
        $informational = [];
        $response = self::client($broker)->request('POST', self::URL, [
            'headers' => ['X-Upper' => 'v', 'x-octets' => "\xE9"],
            'body' => 'hello',
            'timeoutMs' => 1500,
            'onInformational' => static function (int $status, Fields $fields) use (&$informational): void {
                $informational[] = [$status, $fields->get('link')];
            },
        ]);

        self::assertSame(404, $response->status());
        self::assertSame('the body', $response->body());
        self::assertSame('the', $response->read(3));
        self::assertSame([' body'], iterator_to_array($response));
        self::assertSame('1, 2', $response->header('X-A'));
        self::assertSame("\xFF", $response->header('x-b'));
        self::assertSame([[103, '</a>']], $informational);
        self::assertSame(['h2', 'reused', 1, 7, -1, 1500, 1600, '192.0.2.7:443', false], [
            $response->facts()?->protocol, $response->facts()?->session, $response->facts()?->attempts, $response->facts()?->queueUs, $response->facts()?->connectUs,
            $response->facts()?->firstByteUs, $response->facts()?->totalUs, $response->facts()?->remoteAddress, $response->facts()?->isDirect,
        ]);

        $report = $broker->report();
        self::assertIsArray($report);
        [$hello, $request] = $report;
        self::assertIsArray($hello);
        self::assertIsArray($request);
        self::assertSame(['v' => 1, 'window' => 262144, 'agent' => 'hawser-php/0.1'], $hello[3]);
        self::assertSame([3, 1, 1], \array_slice($request, 0, 3));
        self::assertIsInt($request[3]);
        self::assertEqualsWithDelta(1500, $request[3], 300);
        self::assertSame(['POST', self::URL, ['x-upper', 'v', 'x-octets', "\xE9"], 'hello'], \array_slice($request, 4));
    }

    public function testSaysHelloOncePerConnection(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept()->serveOne('1');
            $types = [];
            while (($frame = $peer->frame()) !== null && \count($types) < 3) {
                $types[] = [$frame[0], $frame[1]];
                $peer->send(BrokerFrames::response(\is_int($frame[1]) ? $frame[1] : 0, 'more'));
            }

            return $types;
        });
        $client = self::client($broker);
        self::assertSame('1', $client->request('GET', self::URL)->body());
        for ($n = 0; $n < 3; ++$n) {
            self::assertSame('more', self::client($broker)->request('GET', self::URL)->body(), 'another client of this PHP request shares the connection');
        }
        self::closeConnections();
        self::assertSame([[3, 2], [3, 3], [3, 4]], $broker->report());
    }

    /**
     * @return iterable<string, array{int, string, int, class-string<HawserException>}>
     */
    public static function errors(): iterable
    {
        yield 'untrusted' => [44, 'tls_untrusted', 0, TlsException::class];
        yield 'invalid' => [20, 'request_invalid', 0, RequestException::class];
        yield 'reset' => [64, 'origin_reset', 1, NetworkException::class];
        yield 'unknown to this version' => [4711, 'brand_new', 1, NetworkException::class];
    }

    /**
     * @param class-string<HawserException> $class
     */
    #[DataProvider('errors')]
    public function testThrowsWhatTheBrokerReports(int $code, string $name, int $processed, string $class): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker) use ($code, $name, $processed): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::error(1, $code, $name, 'words of the broker', $processed));
            $peer->frame();
            $peer->send(BrokerFrames::response(2, 'unharmed'));
        });
        $client = self::client($broker);
        $e = self::thrown($class, static fn() => $client->request('POST', self::URL));
        self::assertSame($class, $e::class);
        self::assertSame([$code, $name, $processed === 0 ? 'no' : 'maybe', 'origin'], [$e->errorNumber(), $e->errorName(), $e->processed(), $e->source()]);
        self::assertSame("POST https://api.example.com/v1/me: words of the broker ({$name})", $e->getMessage());
        self::assertSame('unharmed', $client->request('GET', self::URL)->body());
    }

    public function testABodyThatEndsInAnErrorIsNoShortSuccess(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'half', isEnd: false) . BrokerFrames::data(1, ' and')
                . BrokerFrames::error(1, 63, 'origin_closed'));
            $peer->frame();
            $peer->send(BrokerFrames::response(2, 'half', isEnd: false) . BrokerFrames::data(2, ' and') . BrokerFrames::error(2, 63, 'origin_closed'));
            $peer->awaitEnd();
        });
        $client = self::client($broker);
        self::thrown(NetworkException::class, static fn() => $client->request('GET', self::URL));

        $response = $client->request('GET', self::URL, ['stream' => true]);
        self::assertSame('half and', $response->read(100), 'what came is there to be read');
        $e = self::thrown(NetworkException::class, static fn() => $response->read(100));
        self::assertStringContainsString('origin_closed', $e->getMessage());
        self::thrown(NetworkException::class, static fn() => $response->body());
    }

    public function testReadsABodyInManyFramesWithTrailers(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'a', isEnd: false));
            foreach (str_split(str_repeat('0123456789', 10_000), 999) as $piece) {
                $peer->send(BrokerFrames::data(1, $piece));
            }
            $peer->send(BrokerFrames::end(1, ['x-sum', '1', 'x-sum', '2']));
            $peer->awaitEnd();
        });
        $response = self::client($broker)->request('GET', self::URL);
        self::assertSame('a' . str_repeat('0123456789', 10_000), $response->body());
        self::assertSame(['1', '2'], $response->trailers()->all('X-Sum'));
    }

    public function testAnswersPingAndSkipsWhatItDoesNotKnow(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): mixed {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::frame("\x93\x7F\x01\x81\xA1x\x01") . BrokerFrames::ping('12345678') . BrokerFrames::response(1, 'ok'));

            return $peer->frame();
        });
        self::assertSame('ok', self::client($broker)->request('GET', self::URL)->body());
        self::assertSame([12, 0, '12345678'], $broker->report());
    }

    public function testRefusesByItselfWhatWouldCostTheConnection(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $broker->accept()->serveOne('still there');
        });
        $client = self::client($broker);
        foreach ([['headers' => ['a' => array_fill(0, 1001, '')]], ['headers' => ['a' => str_repeat('x', 600_000)]]] as $options) {
            $e = self::thrown(RequestException::class, static fn() => $client->request('GET', self::URL, $options));
            self::assertSame('request_too_large', $e->errorName());
        }
        self::assertSame('still there', $client->request('GET', self::URL)->body());
    }

    public function testWhatACallbackThrowsComesOutAndCancels(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): mixed {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::informational(1, 100));

            return $peer->frame();
        });
        $client = self::client($broker);
        $e = self::thrown(RuntimeException::class, static fn() => $client->request('GET', self::URL, ['onInformational' => static fn() => throw new RuntimeException('mine')]));
        self::assertSame('mine', $e->getMessage());
        self::assertSame([8, 1], $broker->report());
    }

    public function testRefusesAnUnknownOptionBeforeAnythingIsSent(): void
    {
        $this->expectException(InvalidArgumentException::class);
        self::client('/tmp/hawser-no-broker.sock')->request('GET', self::URL, ['timeout' => 1]);
    }
}
