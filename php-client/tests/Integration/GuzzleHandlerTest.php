<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Closure;
use GuzzleHttp\Client;
use GuzzleHttp\Exception\ConnectException;
use GuzzleHttp\Exception\RequestException;
use GuzzleHttp\Pool;
use GuzzleHttp\Promise\FulfilledPromise;
use GuzzleHttp\Promise\PromiseInterface;
use GuzzleHttp\Promise\Utils as PromiseUtils;
use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Response;
use GuzzleHttp\Psr7\Utils;
use GuzzleHttp\RequestOptions;
use GuzzleHttp\TransferStats;
use Hawser\ClientOptions;
use Hawser\Exception\ConnectException as HawserConnectException;
use Hawser\Exception\TimeoutException;
use Hawser\Facts;
use Hawser\Fallback;
use Hawser\Guzzle\HawserHandler;
use Hawser\Internal\Guzzle\TransportOptions;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\RawOrigin;
use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\DataProvider;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use ReflectionClass;
use RuntimeException;

/**
 * Every request option of Guzzle's is honoured, refused, or handed to Guzzle's own handler.
 */
final class GuzzleHandlerTest extends ClientTestCase
{
    private static string $url = '';

    /** @var list<string> targets that the bypass was given */
    private array $bypassed = [];

    public static function setUpBeforeClass(): void
    {
        self::$url = Stand::shared()->url;
    }

    public function testEveryOptionHasItsPlace(): void
    {
        $known = [...TransportOptions::ABOVE, ...TransportOptions::HONOURED, ...TransportOptions::FOR_CURL];
        self::assertSame([], array_diff(array_filter((new ReflectionClass(RequestOptions::class))->getConstants(), is_string(...)), $known));
        self::assertSame($known, array_values(array_unique($known)));
    }

    /**
     * @return iterable<string, array{array<string, mixed>, string}>
     */
    public static function forCurl(): iterable
    {
        yield 'cert' => [['cert' => '/a.pem'], 'the option cert'];
        yield 'ssl_key' => [['ssl_key' => '/a.pem'], 'the option ssl_key'];
        yield 'crypto_method' => [['crypto_method' => \STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT], 'the option crypto_method'];
        yield 'curl' => [['curl' => [\CURLOPT_INTERFACE => 'lo']], 'the option curl'];
        yield 'digest' => [['auth' => ['a', 'b', 'digest']], 'the option curl'];
        yield 'force_ip_resolve' => [['force_ip_resolve' => 'v4'], 'the option force_ip_resolve'];
        yield 'stream_context' => [['stream_context' => ['ssl' => []]], 'the option stream_context'];
        yield 'verify false' => [['verify' => false], 'the option verify'];
        yield 'verify with another file' => [['verify' => __FILE__], 'the option verify'];
        yield 'proxy' => [['proxy' => 'http://127.0.0.1:1'], 'the option proxy'];
        yield 'proxy for https' => [['proxy' => ['https' => 'http://127.0.0.1:1', 'no' => ['.example.com']]], 'the option proxy'];
        yield 'version 1.0' => [['version' => '1.0'], 'the option version'];
        yield 'multiplex none' => [['multiplex' => 'none'], 'the option multiplex'];
        yield 'protocols' => [['protocols' => ['http']], 'the option protocols'];
        yield 'Host' => [['headers' => ['Host' => 'other.example']], 'another Host field'];
    }

    /**
     * @param array<string, mixed> $options
     */
    #[DataProvider('forCurl')]
    public function testWhatOnlyCurlCanDoIsHandedToItOrRefused(array $options, string $reason): void
    {
        self::assertSame('from the bypass', (string) $this->guzzle()->request('GET', self::$url . '/', $options)->getBody());
        self::assertSame('/', implode(' ', $this->bypassed));
        $e = self::thrown(\InvalidArgumentException::class, fn() => $this->guzzle(Stand::shared()->options(true))->request('GET', self::$url . '/', $options));
        self::assertStringContainsString($reason, $e->getMessage());
        self::assertSame('/', implode(' ', $this->bypassed));
    }

    /**
     * @return iterable<string, array{array<string, mixed>}>
     */
    public static function fine(): iterable
    {
        yield 'the lowest TLS version that the broker has' => [['crypto_method' => \STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT]];
        yield 'proxy for another scheme' => [['proxy' => ['http' => 'http://127.0.0.1:1']]];
        yield 'proxy not for this host' => [['proxy' => ['https' => 'http://127.0.0.1:1', 'no' => ['localhost']]]];
        yield 'no proxy' => [['proxy' => '']];
        yield 'verify with our file' => [['verify' => 'CA']];
        yield 'version 2' => [['version' => '2.0']];
        yield 'multiplex' => [['multiplex' => 'wait']];
        yield 'protocols' => [['protocols' => ['HTTPS']]];
        yield 'connect_timeout' => [['connect_timeout' => 2.5]];
        yield 'auth' => [['auth' => ['a', 'b']]];
        yield 'an option of a middleware' => [['laravel_data' => []]];
    }

    /**
     * @param array<string, mixed> $options
     */
    #[DataProvider('fine')]
    public function testTheRestGoesThroughTheBroker(array $options): void
    {
        $options = array_map(static fn(mixed $value): mixed => $value === 'CA' ? Stand::shared()->caFile : $value, $options);
        $response = $this->guzzle()->request('GET', self::$url . '/', $options);
        self::assertSame(['hello', '2'], [(string) $response->getBody(), $response->getProtocolVersion()]);
        self::assertSame([], $this->bypassed);
    }

    public function testWrongValuesAreNamed(): void
    {
        foreach (['timeout' => -1, 'connect_timeout' => 'soon', 'delay' => [], 'progress' => 'no_such_function', 'on_headers' => 1, 'sink' => new \stdClass(), 'debug' => 'yes'] as $name => $value) {
            $e = self::thrown(\InvalidArgumentException::class, fn() => $this->guzzle()->request('GET', self::$url . '/', [$name => $value]));
            self::assertStringStartsWith("{$name} is ", $e->getMessage());
        }
    }

    public function testWhatClientOptionsLeaveOutTakesTheBypass(): void
    {
        $options = new ClientOptions(socket: Stand::shared()->socket, fallback: Fallback::Fail, only: ['https://other.example']);
        self::assertSame('from the bypass', (string) $this->guzzle($options)->request('GET', self::$url . '/bytes/5')->getBody());
        self::assertSame(['/bytes/5'], $this->bypassed);
    }

    public function testSinks(): void
    {
        $file = (string) tempnam(sys_get_temp_dir(), 'hawser-test-');
        $resource = fopen('php://temp', 'r+') ?: throw new RuntimeException('no memory');
        $stream = Utils::streamFor('');
        $bodies = [];
        foreach ([$file, $resource, $stream] as $sink) {
            $bodies[] = $body = $this->guzzle()->request('GET', self::$url . '/bytes/300000', ['sink' => $sink])->getBody();
            self::assertSame(300_000, \strlen((string) $body));
        }
        self::assertSame(300_000, filesize($file));
        rewind($resource);
        self::assertSame(300_000, \strlen((string) stream_get_contents($resource)));
        self::assertSame($stream, $bodies[2]);
        self::assertSame(300_000, $stream->getSize());
        unlink($file);
    }

    public function testOnHeadersComesBeforeTheBodyAndMayEndTheRequest(): void
    {
        $sink = Utils::streamFor('');
        $seen = [];
        $this->guzzle()->request('GET', self::$url . '/drip?chunks=3&ms=10', ['sink' => $sink, 'on_headers' => static function (ResponseInterface $response) use (&$seen, $sink): void {
            $seen[] = [$response->getStatusCode(), $sink->getSize()];
        }]);
        self::assertSame([[200, 0]], $seen);
        $e = self::thrown(RequestException::class, fn() => $this->guzzle()->request('GET', self::$url . '/bytes/5', ['on_headers' => static fn() => throw new RuntimeException('mine')]));
        self::assertSame(['An error was encountered during the on_headers event', 'mine', 200], [$e->getMessage(), $e->getPrevious()?->getMessage(), $e->getResponse()?->getStatusCode()]);
    }

    public function testOnStatsTellsRealTimesAndFacts(): void
    {
        $stats = [];
        $options = ['on_stats' => static function (TransferStats $one) use (&$stats): void {
            $stats[] = $one;
        }, 'http_errors' => true];
        $this->guzzle()->request('POST', self::$url . '/slow?ms=150', $options + ['body' => 'hello']);
        [$one] = $stats;
        $handler = $one->getHandlerStats();
        self::assertInstanceOf(Facts::class, $handler['hawser']);
        self::assertSame(['h2', false], [$handler['hawser']->protocol, $handler['hawser']->isDirect]);
        self::assertSame([200, 5, 5, '127.0.0.1'], [$handler['http_code'], $handler['size_download'], $handler['size_upload'], $handler['primary_ip']]);
        self::assertGreaterThan(0.14, $handler['starttransfer_time']);
        self::assertGreaterThan(0.14, $one->getTransferTime());
        self::thrown(ConnectException::class, fn() => $this->guzzle()->request('GET', 'https://localhost:1/', $options));
        self::assertInstanceOf(HawserConnectException::class, $stats[1]->getHandlerErrorData());
        self::assertFalse($stats[1]->hasResponse());
    }

    public function testProgress(): void
    {
        $calls = [];
        $this->guzzle()->request('POST', self::$url . '/echo', ['body' => str_repeat('x', 500_000), 'progress' => static function (int $total, int $received, int $toSend, int $sent) use (&$calls): void {
            $calls[] = [$total, $received, $toSend, $sent];
        }]);
        self::assertSame([500_000, 500_000, 500_000, 500_000], end($calls));
        self::assertGreaterThan(3, \count($calls));
    }

    public function testDelayHoldsBackOneRequestAndNoOther(): void
    {
        $guzzle = $this->guzzle();
        $order = [];
        $startedAt = microtime(true);
        $note = static function (string $name) use (&$order): Closure {
            return static function () use (&$order, $name): void {
                $order[] = $name;
            };
        };
        PromiseUtils::unwrap([
            $guzzle->getAsync(self::$url . '/', ['delay' => 400])->then($note('delayed')),
            $guzzle->getAsync(self::$url . '/')->then($note('at once')),
        ]);
        self::assertSame(['at once', 'delayed'], $order);
        self::assertGreaterThan(0.39, microtime(true) - $startedAt);
    }

    public function testDebugPrintsHeadsAndTheWay(): void
    {
        $log = fopen('php://memory', 'r+') ?: throw new RuntimeException('no memory');
        $this->guzzle()->request('GET', self::$url . '/bytes/5', ['debug' => $log]);
        rewind($log);
        $text = (string) stream_get_contents($log);
        self::assertMatchesRegularExpression('~^\* Hawser: https://localhost:\d+ through the broker: h2, session \S.*\n> GET /bytes/5\n~', $text);
        self::assertStringContainsString("\n< HTTP/2 200\n", $text);
    }

    public function testExpectIsSentOnly(): void
    {
        $seen = json_decode((string) $this->guzzle()->request('POST', self::$url . '/inspect', ['body' => str_repeat('x', 2_000_000), 'expect' => true])->getBody(), true);
        self::assertIsArray($seen);
        self::assertSame(2_000_000, $seen['bodyBytes']);
    }

    public function testTrailers(): void
    {
        $trailers = [];
        $this->guzzle()->request('GET', self::$url . '/trailers', ['on_trailers' => static function (array $fields) use (&$trailers): void {
            $trailers = $fields;
        }]);
        self::assertSame(['x-checksum' => ['abc'], 'x-part' => ['1', '2']], $trailers);
    }

    public function testAStreamedBodyComesAsItIsReadAndEndsByReadTimeout(): void
    {
        $body = $this->guzzle()->request('GET', self::$url . '/drip?chunks=2&ms=60000&bytes=10', ['stream' => true, 'read_timeout' => 0.3])->getBody();
        self::assertSame([10, false, false], [\strlen($body->read(100)), $body->eof(), $body->isSeekable()]);
        $e = self::thrown(ConnectException::class, static fn() => $body->read(100));
        self::assertSame('idle_timeout', $e->getPrevious() instanceof TimeoutException ? $e->getPrevious()->errorName() : '');
        $body = $this->guzzle()->request('GET', self::$url . '/gzip/100000', ['stream' => true])->getBody();
        self::assertSame(100_000, \strlen($body->getContents()));
        self::assertTrue($body->eof());
    }

    public function testCallbacksMayStartMoreAndAPoolKeepsItsConcurrency(): void
    {
        $guzzle = $this->guzzle();
        $body = $guzzle->getAsync(self::$url . '/bytes/3')->then(static fn() => $guzzle->getAsync(self::$url . '/bytes/7'))->then(static fn(ResponseInterface $response) => (string) $response->getBody())->wait();
        self::assertSame(7, \is_string($body) ? \strlen($body) : 0);
        Stand::shared()->resetStats();
        $done = 0;
        $requests = static function () {
            for ($n = 0; $n < 20; ++$n) {
                yield new Request('GET', self::$url . "/slow?ms=20&n={$n}");
            }
        };
        (new Pool($guzzle, $requests(), ['concurrency' => 5, 'fulfilled' => static function () use (&$done): void {
            ++$done;
        }]))->promise()->wait();
        self::assertSame([20, 5], [$done, Stand::shared()->stats()['maxOpenRequests'] ?? null]);
    }

    public function testACancelledPromiseEndsItsExchange(): void
    {
        $guzzle = $this->guzzle();
        $promise = $guzzle->getAsync(self::$url . '/never');
        $guzzle->request('GET', self::$url . '/');
        $promise->cancel();
        self::assertSame(PromiseInterface::REJECTED, $promise->getState());
        self::assertSame('hello', (string) $guzzle->request('GET', self::$url . '/')->getBody());
    }

    public function testTickAndExecuteDriveALoop(): void
    {
        $handler = new HawserHandler(Stand::shared()->options(true));
        $states = [];
        $promise = $handler(new Request('GET', self::$url . '/slow?ms=50'), []);
        $promise->then(static function () use (&$states): void {
            $states[] = 'done';
        });
        for ($end = microtime(true) + 10; $states === [] && microtime(true) < $end;) {
            $handler->tick();
        }
        self::assertSame(['done'], $states);
        $handler(new Request('GET', self::$url . '/'), [])->then(static function () use (&$states): void {
            $states[] = 'executed';
        });
        $handler->execute();
        self::assertSame(['done', 'executed'], $states);
    }

    public function testFailuresAreOnGuzzlesTypes(): void
    {
        $guzzle = $this->guzzle();
        $timeout = self::thrown(ConnectException::class, static fn() => $guzzle->request('POST', self::$url . '/never', ['timeout' => 0.2]));
        self::assertInstanceOf(TimeoutException::class, $timeout->getPrevious());
        self::assertSame('deadline_exceeded', $timeout->getHandlerContext()['error']);
        $broken = self::thrown(RequestException::class, static fn() => $guzzle->request('POST', self::$url . '/abort-after?bytes=1000&what=connection'));
        self::assertSame('POST', $broken->getRequest()->getMethod());
        $mine = self::thrown(RequestException::class, static fn() => $guzzle->request('POST', self::$url . '/inspect', ['body' => (static function () {
            yield 'a';
            throw new RuntimeException('mine');
        })()]));
        self::assertSame('mine', $mine->getPrevious()?->getMessage());
        $away = new Client(['handler' => HawserHandler::stack(new ClientOptions(socket: FakeBroker::path(), fallback: Fallback::Fail))]);
        self::thrown(ConnectException::class, static fn() => $away->request('GET', self::$url . '/'));
    }

    public function testConnectTimeoutHoldsOnTheDirectPath(): void
    {
        // The kernel takes the connection, and nobody shakes hands.
        $silent = stream_socket_server('tcp://127.0.0.1:0');
        self::assertIsResource($silent);
        $guzzle = new Client(['handler' => HawserHandler::stack(Stand::shared()->options(false))]);
        $e = self::thrown(ConnectException::class, static fn() => $guzzle->request('GET', 'https://localhost:' . substr((string) strrchr((string) stream_socket_get_name($silent, false), ':'), 1), ['connect_timeout' => 0.3]));
        self::assertSame('connect_timeout', $e->getPrevious() instanceof HawserConnectException ? $e->getPrevious()->errorName() : $e->getMessage());
    }

    public function testABrokenGzipBodyIsAnError(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static fn(): string => "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nrubb"));
        self::thrown(RequestException::class, fn() => $this->guzzle()->request('GET', $origin->url));
    }

    private function guzzle(?ClientOptions $options = null): Client
    {
        $stand = Stand::shared();
        $options ??= new ClientOptions(socket: $stand->socket, connectTimeoutMs: 10_000, timeoutMs: 20_000, caFile: $stand->caFile);
        $bypass = function (RequestInterface $request): PromiseInterface {
            $this->bypassed[] = $request->getRequestTarget();

            return new FulfilledPromise(new Response(200, [], 'from the bypass'));
        };

        return new Client(['handler' => HawserHandler::stack($options, $bypass)]);
    }
}
