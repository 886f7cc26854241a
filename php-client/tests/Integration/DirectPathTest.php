<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Client;
use Hawser\ClientOptions;
use Hawser\Exception\ConnectException;
use Hawser\Exception\DnsException;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\NetworkException;
use Hawser\Exception\RequestException;
use Hawser\Exception\TimeoutException;
use Hawser\Exception\TlsException;
use Hawser\Fields;
use Hawser\Tests\Support\Certificates;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\MemoryLogger;
use Hawser\Tests\Support\RawOrigin;
use PHPUnit\Framework\Attributes\DataProvider;
use RuntimeException;

/**
 * No broker: the same calls go to the origin by curl, and mean the same.
 */
final class DirectPathTest extends ClientTestCase
{
    private MemoryLogger $logger;

    protected function setUp(): void
    {
        $this->logger = new MemoryLogger();
    }

    public function testSendsTheRequestAsItIsAndReadsTheResponseAsItIs(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static fn(string $head, string $body): string
            => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-B: \xFF\r\nx-a:  2 \r\nContent-Length: " . \strlen($head . $body) . "\r\n\r\n{$head}{$body}"));
        $informational = [];
        $response = $this->direct()->request('POST', "{$origin->url}/a/../b?c=%7e", [
            'headers' => ['X-Upper' => 'v', 'x-empty' => '', 'x-octets' => "\xE9", 'Host' => 'other', 'Connection' => 'x-drop', 'X-Drop' => '1', 'x-many' => ['1', '2']],
            'body' => 'hello',
            'onInformational' => static function (int $status, Fields $fields) use (&$informational): void {
                $informational[] = [$status, $fields->get('link')];
            },
        ]);
        self::assertSame(404, $response->status());
        self::assertSame([['x-a', '1'], ['x-b', "\xFF"], ['x-a', '2']], \array_slice($response->headers()->lines(), 0, 3));
        self::assertSame([[103, '</a>']], $informational);
        $host = substr($origin->url, 7);
        self::assertSame("POST /a/../b?c=%7e HTTP/1.1\r\nHost: {$host}\r\nx-upper: v\r\nx-empty:\r\nx-octets: \xE9\r\nx-many: 1\r\nx-many: 2\r\nContent-Length: 5\r\n"
            . 'hello', $response->body());
        $facts = $response->facts();
        self::assertNotNull($facts);
        self::assertSame([true, 'http/1.1', 'direct', 1], [$facts->isDirect, $facts->protocol, $facts->session, $facts->attempts]);
        self::assertGreaterThan(0, $facts->totalUs);
        self::assertStringStartsWith('127.0.0.1:', $facts->remoteAddress);
    }

    public function testAddsNothingToAPlainRequest(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(self::echo(...)));
        $host = substr($origin->url, 7);
        self::assertSame("GET / HTTP/1.1\r\nHost: {$host}\r\n", $this->direct()->request('GET', $origin->url)->body());
        self::assertSame("POST / HTTP/1.1\r\nHost: {$host}\r\ncontent-length: 0\r\n", $this->direct()->request('POST', $origin->url)->body());
        self::assertSame('', $this->direct()->request('HEAD', $origin->url)->body());
        self::assertSame("DELETE / HTTP/1.1\r\nHost: {$host}\r\naccept: a\r\ncontent-type: b\r\n", $this->direct()->request('DELETE', $origin->url, ['headers' => ['accept' => 'a', 'content-type' => 'b']])->body());
    }

    public function testStreamsABodyOut(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static fn(string $head, string $body): string => self::echo('', md5($body) . (stripos($head, 'content-length') !== false ? ' known' : ' chunked'))));
        $client = $this->direct();
        $content = str_repeat('0123456789', 50_000);
        $generator = static function () use ($content) {
            yield from str_split($content, 7777);
        };
        self::assertSame(md5($content) . ' chunked', $client->request('PUT', $origin->url, ['body' => $generator()])->body());
        self::assertSame(md5($content) . ' known', $client->request('PUT', $origin->url, ['body' => $generator(), 'headers' => ['content-length' => 500_000]])->body());
        self::assertSame(md5($content) . ' known', $client->request('POST', $origin->url, ['body' => $content])->body());
        $mine = static function (): iterable {
            yield 'a';
            throw new RuntimeException('mine');
        };
        self::assertSame('mine', self::thrown(RuntimeException::class, static fn() => $client->request('PUT', $origin->url, ['body' => $mine()]))->getMessage());
    }

    public function testStreamsABodyInAndHoldsTheOriginBack(): void
    {
        $total = 20_000_000;
        $origin = RawOrigin::run(static function ($stream) use ($total): void {
            RawOrigin::head($stream);
            fwrite($stream, "HTTP/1.1 200 OK\r\nContent-Length: {$total}\r\n\r\n");
            for ($sent = 0; $sent < $total; $sent += 100_000) {
                fwrite($stream, str_repeat(\chr($sent / 100_000 % 256), 100_000));
            }
        });
        $client = $this->direct();
        $response = $client->request('GET', $origin->url, ['stream' => true]);
        $before = memory_get_usage();
        $hash = hash_init('md5');
        $bytes = $most = 0;
        // Something else on the same path meanwhile, which lets curl go on.
        $other = RawOrigin::run(RawOrigin::answering(self::echo(...)));
        foreach ($response as $octets) {
            $bytes += \strlen($octets);
            hash_update($hash, $octets);
            if ($bytes % 5 === 0) {
                $client->request('GET', $other->url);
            }
            $most = max($most, memory_get_usage() - $before);
        }
        self::assertSame($total, $bytes);
        $expected = hash_init('md5');
        for ($sent = 0; $sent < $total; $sent += 100_000) {
            hash_update($expected, str_repeat(\chr($sent / 100_000 % 256), 100_000));
        }
        self::assertSame(hash_final($expected), hash_final($hash));
        self::assertLessThan(2_000_000, $most, 'what is not read is not taken from the origin');
        self::assertTrue($response->facts()?->isDirect);
    }

    public function testABodyMayUseTheClientItself(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static fn(string $head, string $body): string => self::echo('', $body)));
        $client = $this->direct();
        $body = (static function () use ($client, $origin) {
            for ($n = 0; $n < 3; ++$n) {
                yield $client->request('PUT', $origin->url, ['body' => "part {$n} "])->body();
            }
        })();
        self::assertSame('part 0 part 1 part 2 ', $client->request('PUT', $origin->url, ['body' => $body])->body());
    }

    public function testRunsManyAtOnce(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static function (): string {
            usleep(400_000);

            return self::echo('', 'slow');
        }));
        $client = $this->direct();
        $start = microtime(true);
        $responses = $client->all(array_map(static fn() => $client->start('GET', $origin->url), range(1, 10)));
        self::assertCount(10, $responses);
        self::assertSame('slow', $responses[9]->body());
        self::assertLessThan(3.5, microtime(true) - $start, 'ten times 400 ms, one after the other, would take four seconds');
    }

    public function testDropsAStreamedResponse(): void
    {
        $origin = RawOrigin::run(static function ($stream): void {
            RawOrigin::head($stream);
            fwrite($stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
            usleep(1_500_000);
            fwrite($stream, '123');
            fread($stream, 1);
        });
        $client = $this->direct();
        $start = microtime(true);
        $response = $client->request('GET', $origin->url, ['stream' => true]);
        self::assertLessThan(1.0, microtime(true) - $start, 'the head is here before the body');
        usleep(1_600_000);
        $start = microtime(true);
        self::assertSame('12', $response->read(2));
        self::assertLessThan(0.7, microtime(true) - $start, 'what is here is read at once');
        $response->cancel();
        self::assertSame('cancelled', $this->errorName(static fn() => $response->body() . $response->body()));
    }

    /**
     * @return iterable<string, array{string, string, class-string<ExchangeException>}>
     */
    public static function brokenAnswers(): iterable
    {
        yield 'nothing' => ['', 'origin_closed', NetworkException::class];
        yield 'rubbish' => ["this is not HTTP\r\n\r\n", 'origin_protocol_error', NetworkException::class];
        yield 'half a body' => ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 'origin_closed', NetworkException::class];
        yield 'half a chunk' => ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf", 'origin_closed', NetworkException::class];
    }

    /**
     * @param class-string<ExchangeException> $class
     */
    #[DataProvider('brokenAnswers')]
    public function testABrokenAnswerIsAnError(string $answer, string $name, string $class): void
    {
        $origin = RawOrigin::run(static function ($stream) use ($answer): void {
            RawOrigin::head($stream);
            fwrite($stream, $answer);
        });
        $e = self::thrown($class, fn() => $this->direct()->request('GET', "{$origin->url}/x?secret"));
        self::assertSame([$name, 'maybe', 'origin'], [$e->errorName(), $e->processed(), $e->source()]);
        self::assertStringStartsWith("GET {$origin->url}/x: ", $e->getMessage());
        self::assertTrue($e->facts()?->isDirect);
    }

    public function testTellsTlsFailuresApart(): void
    {
        $certificates = new Certificates();
        $others = new Certificates();
        $cases = [
            'tls_untrusted' => [$others->issue(), null],
            'tls_expired' => [$certificates->issue(days: 0), $certificates->caFile],
            'tls_name_mismatch' => [$certificates->issue('DNS:other.example'), $certificates->caFile],
        ];
        usleep(1_100_000);
        foreach ($cases as $name => [$pemFile, $caFile]) {
            $origin = RawOrigin::run(RawOrigin::answering(self::echo(...)), $pemFile);
            $e = self::thrown(TlsException::class, fn() => $this->direct($caFile ?? $certificates->caFile)->request('GET', $origin->url));
            self::assertSame([$name, 'no', 'connect'], [$e->errorName(), $e->processed(), $e->source()]);
        }
        $origin = RawOrigin::run(RawOrigin::answering(self::echo(...)), $certificates->issue());
        self::assertSame(200, $this->direct($certificates->caFile)->request('GET', $origin->url)->status());
        $cleartext = RawOrigin::run(static fn($stream) => fwrite($stream, "HTTP/1.1 400 Bad Request\r\n\r\n"));
        self::assertSame('tls_failed', $this->errorName(fn() => $this->direct()->request('GET', str_replace('http:', 'https:', $cleartext->url))));
    }

    public function testTellsWhyTheOriginIsNotReached(): void
    {
        $e = self::thrown(ConnectException::class, fn() => $this->direct()->request('POST', 'http://127.0.0.1:1/?secret'));
        self::assertSame(['connect_refused', 41, 'no'], [$e->errorName(), $e->errorNumber(), $e->processed()]);
        self::assertStringNotContainsString('secret', $e->getMessage());
        self::thrown(DnsException::class, fn() => $this->direct()->request('GET', 'http://no-such-host.invalid/'));
        $e = self::thrown(RequestException::class, fn() => $this->direct()->request('GET', 'http://a b/'));
        self::assertSame('request_invalid', $e->errorName());
    }

    public function testEndsAtTheDeadline(): void
    {
        $origin = RawOrigin::run(static fn($stream) => fread($stream, 1 << 20) . sleep(5));
        $start = microtime(true);
        $e = self::thrown(TimeoutException::class, fn() => $this->direct()->request('GET', $origin->url, ['timeoutMs' => 150]));
        self::assertSame('deadline_exceeded', $e->errorName());
        self::assertLessThan(3.0, microtime(true) - $start);
    }

    public function testLogsOnce(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(self::echo(...)));
        $client = $this->direct(socket: $socket = FakeBroker::path());
        $client->request('GET', $origin->url);
        $this->direct(socket: $socket)->request('GET', $origin->url);
        self::assertCount(1, $this->logger->lines);
        self::assertSame("warning: Hawser: the broker is away, requests go direct: {$socket}: No such file or directory", $this->logger->lines[0]);
    }

    private function direct(?string $caFile = null, ?string $socket = null): Client
    {
        return new Client(new ClientOptions(socket: $socket ?? FakeBroker::path(), timeoutMs: 5000, logger: $this->logger, caFile: $caFile));
    }

    private function errorName(\Closure $code): string
    {
        return self::thrown(ExchangeException::class, $code)->errorName();
    }

    private static function echo(string $head, string $body): string
    {
        $isHead = str_starts_with($head, 'HEAD');

        return "HTTP/1.1 200 OK\r\nContent-Length: " . \strlen($head . $body) . "\r\n\r\n" . ($isHead ? '' : $head . $body);
    }
}
