<?php

declare(strict_types=1);

namespace Hawser\Tests\Symfony;

use Hawser\ClientOptions;
use Hawser\Exception\ConnectException;
use Hawser\Exception\HawserException;
use Hawser\Exception\TimeoutException as HawserTimeout;
use Hawser\Facts;
use Hawser\Fallback;
use Hawser\Symfony\HawserHttpClient;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\MemoryLogger;
use Hawser\Tests\Support\RawOrigin;
use Hawser\Tests\Support\Stand;
use Nyholm\Psr7\Factory\Psr17Factory;
use PHPUnit\Framework\Attributes\DataProvider;
use Psr\Http\Message\ResponseInterface as PsrResponse;
use Symfony\Component\HttpClient\Chunk\ServerSentEvent;
use Symfony\Component\HttpClient\EventSourceHttpClient;
use Symfony\Component\HttpClient\Exception\InvalidArgumentException;
use Symfony\Component\HttpClient\Exception\TimeoutException;
use Symfony\Component\HttpClient\Exception\TransportException;
use Symfony\Component\HttpClient\HttplugClient;
use Symfony\Component\HttpClient\Psr18Client;
use Symfony\Component\HttpClient\Response\StreamableInterface;
use Symfony\Component\HttpClient\Retry\GenericRetryStrategy;
use Symfony\Component\HttpClient\RetryableHttpClient;
use Symfony\Component\HttpClient\ScopingHttpClient;
use Symfony\Component\HttpClient\TraceableHttpClient;
use Symfony\Contracts\HttpClient\HttpClientInterface;

/**
 * What Symfony's suite does not ask: many clients, decorators, facts, limits, and who takes which path.
 */
final class HawserHttpClientTest extends ClientTestCase
{
    /**
     * @return iterable<string, array{bool}>
     */
    public static function paths(): iterable
    {
        yield 'through the broker' => [true];
        yield 'direct' => [false];
    }

    #[DataProvider('paths')]
    public function testStreamsResponsesOfSeveralClients(bool $isBroker): void
    {
        $clients = [self::on($isBroker), self::on($isBroker), self::on(true), self::on(false)];
        $url = Stand::shared()->url;
        $responses = [];
        foreach ($clients as $at => $client) {
            $responses[] = $client->request('GET', "{$url}/drip?chunks=4&ms=20&bytes=100", ['user_data' => "drip {$at}"]);
            $responses[] = $client->request('POST', "{$url}/echo", ['user_data' => "echo {$at}", 'body' => str_repeat('x', 600_000)]);
        }
        $bytes = $ended = [];
        foreach ($clients[0]->stream($responses) as $response => $chunk) {
            $name = $response->getInfo('user_data');
            self::assertIsString($name);
            self::assertSame($bytes[$name] ?? 0, $chunk->getOffset());
            $bytes[$name] = ($bytes[$name] ?? 0) + \strlen($chunk->getContent());
            if ($chunk->isLast()) {
                $ended[] = $name;
            }
        }
        foreach ([0, 1, 2, 3] as $at) {
            self::assertSame([400, 600_000], [$bytes["drip {$at}"], $bytes["echo {$at}"]]);
        }
        self::assertCount(8, $ended);
    }

    #[DataProvider('paths')]
    public function testAHundredAtOnceTakeTheTimeOfOne(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $start = microtime(true);
        $responses = array_map(static fn() => $client->request('GET', Stand::shared()->url . '/slow?ms=300'), range(1, 100));
        foreach ($responses as $response) {
            self::assertSame('hello', $response->getContent());
        }
        self::assertLessThan(15.0, microtime(true) - $start, 'a hundred times 300 ms, one after the other, would take thirty seconds');
    }

    #[DataProvider('paths')]
    public function testTellsHowTheExchangeWent(bool $isBroker): void
    {
        $response = self::on($isBroker)->request('GET', Stand::shared()->url . '/slow?ms=50');
        self::assertNull($response->getInfo('hawser'));
        self::assertSame(0.0, $response->getInfo('start_time'));
        $response->getContent();
        $info = $response->getInfo();
        self::assertIsArray($info);
        $facts = $info['hawser'];
        self::assertInstanceOf(Facts::class, $facts);
        self::assertSame(['h2', !$isBroker], [$facts->protocol, $facts->isDirect]);
        self::assertSame(['HTTP/2 200 '], \array_slice((array) $info['response_headers'], 0, 1));
        self::assertGreaterThanOrEqual(0.05, self::number($info, 'starttransfer_time'));
        self::assertGreaterThanOrEqual(self::number($info, 'starttransfer_time'), self::number($info, 'total_time') + 0.001);
        self::assertLessThan(20.0, self::number($info, 'total_time'));
        self::assertEqualsWithDelta(microtime(true), self::number($info, 'start_time'), 20.0);
        self::assertSame([5.0, '127.0.0.1', [], 'text/plain'], [$info['size_download'], $info['primary_ip'], $info['trailers'], $info['content_type']]);
        $before = $info['total_time'];
        usleep(2000);
        self::assertSame($before, $response->getInfo('total_time'), 'it stands once the response is whole');
    }

    #[DataProvider('paths')]
    public function testGivesTrailersAndEarlyHints(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $response = $client->request('GET', Stand::shared()->url . '/trailers');
        $response->getStatusCode();
        self::assertSame('with trailers', $response->getContent());
        self::assertSame(['x-checksum' => ['abc'], 'x-part' => ['1', '2']], $response->getInfo('trailers'));
        $kinds = [];
        foreach ($client->stream($client->request('GET', Stand::shared()->url . '/early-hints')) as $chunk) {
            $kinds[] = match (true) {
                $chunk->getInformationalStatus() !== null => ((array) ($chunk->getInformationalStatus()[1] ?? []))['x-hint'] ?? null,
                $chunk->isFirst() => 'first',
                $chunk->isLast() => 'last',
                default => $chunk->getContent(),
            };
        }
        self::assertSame([['early'], 'first', 'hello', 'last'], $kinds);
    }

    #[DataProvider('paths')]
    public function testWhatIsNotReadHoldsTheOriginBack(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $response = $client->request('GET', Stand::shared()->url . '/bytes/30000000', ['buffer' => false]);
        $response->getStatusCode();
        $before = memory_get_usage();
        $most = $bytes = 0;
        $hash = hash_init('md5');
        foreach ($client->stream($response) as $chunk) {
            $bytes += \strlen($chunk->getContent());
            hash_update($hash, $chunk->getContent());
            $most = max($most, memory_get_usage() - $before);
            if ($bytes % 7 === 0) {
                self::assertSame('hello', $client->request('GET', Stand::shared()->url . '/')->getContent());
            }
        }
        self::assertSame(30_000_000, $bytes);
        $period = implode('', array_map(chr(...), range(0, 250)));
        self::assertSame(md5(substr(str_repeat($period, intdiv(30_000_000, 251) + 1), 0, 30_000_000)), hash_final($hash));
        self::assertLessThan(4_000_000, $most);
    }

    #[DataProvider('paths')]
    public function testSendsBodiesOfEveryKind(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $content = random_bytes(700_000);
        $file = tmpfile();
        self::assertIsResource($file);
        fwrite($file, $content);
        rewind($file);
        $bodies = [
            'string' => $content,
            'resource' => $file,
            'iterable' => new \ArrayIterator(str_split($content, 10_001)),
            'callback that gives more than it is asked for' => static function () use (&$rest, $content): string {
                $rest ??= [$content, ''];

                return array_shift($rest) ?? '';
            },
        ];
        foreach ($bodies as $kind => $body) {
            $seen = $client->request('PUT', Stand::shared()->url . '/inspect', ['body' => $body])->toArray();
            self::assertSame([700_000, hash('sha256', $content)], [$seen['bodyBytes'], $seen['sha256']], $kind);
        }
        rewind($file);
        $form = $client->request('POST', Stand::shared()->url . '/echo', ['body' => ['name' => 'value', 'file' => $file]])->getContent();
        self::assertStringContainsString("name=\"name\"\r\n\r\nvalue\r\n", $form);
        self::assertStringContainsString($content, $form);
        $response = $client->request('GET', Stand::shared()->url . '/bytes/500000');
        self::assertInstanceOf(StreamableInterface::class, $response);
        $from = $response->toStream();
        self::assertSame(500_000, $client->request('PUT', Stand::shared()->url . '/inspect', ['body' => $from])->toArray()['bodyBytes']);
    }

    #[DataProvider('paths')]
    public function testStreamsAsAPhpStream(bool $isBroker): void
    {
        $response = self::on($isBroker)->request('GET', Stand::shared()->url . '/drip?chunks=5&ms=5&bytes=200');
        self::assertInstanceOf(StreamableInterface::class, $response);
        $stream = $response->toStream();
        self::assertIsResource($stream);
        self::assertSame(1000, \strlen((string) stream_get_contents($stream)));
        self::assertTrue(feof($stream));
        rewind($stream);
        self::assertSame("\0\1\2", fread($stream, 3));
    }

    #[DataProvider('paths')]
    public function testUnderSymfonysDecorators(bool $isBroker): void
    {
        $url = Stand::shared()->url;
        $scoped = ScopingHttpClient::forBaseUri(self::on($isBroker), "{$url}/", ['headers' => ['x-scope' => 'yes']]);
        $traced = new TraceableHttpClient(new RetryableHttpClient($scoped));
        $response = $traced->request('GET', 'inspect?a=b');
        $seen = $response->toArray();
        self::assertSame('/inspect?a=b', $seen['target']);
        self::assertContains('x-scope', self::fields($seen));
        self::assertInstanceOf(Facts::class, $response->getInfo('hawser'));
        $trace = $traced->getTracedRequests()[0];
        self::assertIsArray($trace);
        self::assertIsArray($trace['info']);
        self::assertIsString($trace['info']['debug']);
        self::assertSame(['GET', 200], [$trace['method'], $trace['info']['http_code']]);
        self::assertStringContainsString('x-scope: yes', $trace['info']['debug']);
        $several = [$traced->request('GET', 'slow?ms=20'), $traced->request('GET', 'bytes/100000')];
        $ended = 0;
        foreach ($traced->stream($several) as $chunk) {
            $ended += $chunk->isLast() ? 1 : 0;
        }
        self::assertSame([2, 'hello', 100_000], [$ended, $several[0]->getContent(), \strlen($several[1]->getContent())]);

        $factory = new Psr17Factory();
        $psr = (new Psr18Client(self::on($isBroker), $factory, $factory))->sendRequest($factory->createRequest('GET', "{$url}/status/404"));
        self::assertSame([404, "status 404\n"], [$psr->getStatusCode(), (string) $psr->getBody()]);
        $httplug = new HttplugClient(self::on($isBroker), $factory, $factory);
        self::assertSame('hello', (string) $httplug->sendRequest($factory->createRequest('GET', "{$url}/"))->getBody());
        $promises = array_map(static fn(int $n) => $httplug->sendAsyncRequest($factory->createRequest('GET', "{$url}/bytes/{$n}")), [10, 20, 30]);
        foreach ([10, 20, 30] as $at => $bytes) {
            $answer = $promises[$at]->wait();
            self::assertInstanceOf(PsrResponse::class, $answer);
            self::assertSame($bytes, \strlen((string) $answer->getBody()));
        }
    }

    #[DataProvider('paths')]
    public function testARetryIsSentAfterItsDelay(bool $isBroker): void
    {
        $client = new RetryableHttpClient(self::on($isBroker), new GenericRetryStrategy([503], 400, 1.0, 400, 0.0), 2);
        $response = $client->request('GET', Stand::shared()->url . '/status/503');
        self::assertSame(503, $response->getStatusCode());
        $before = $response->getInfo('previous_info');
        self::assertIsArray($before);
        self::assertCount(2, $before);
        $starts = array_map(static fn(mixed $info): float => self::number($info, 'start_time'), [...$before, $response->getInfo()]);
        self::assertGreaterThan(0.35, $starts[1] - $starts[0]);
        self::assertGreaterThan(0.35, $starts[2] - $starts[1]);
    }

    #[DataProvider('paths')]
    public function testAnUnreadResponseIsGivenUpAtTheOrigin(bool $isBroker): void
    {
        $client = self::on($isBroker);
        foreach (['dropped', 'cancelled'] as $way) {
            $response = $client->request('GET', Stand::shared()->url . '/drip?chunks=1000000&ms=20');
            self::assertSame(200, $response->getStatusCode());
            self::awaitOpenRequests(1);
            if ($way === 'cancelled') {
                $response->cancel();
                self::assertTrue($response->getInfo('canceled'));
                self::thrown(TransportException::class, $response->getContent(...));
            }
            unset($response);
            $client->request('GET', Stand::shared()->url . '/')->getContent();
            self::awaitOpenRequests(0);
        }
    }

    #[DataProvider('paths')]
    public function testFailuresAreSymfonysWithOursBefore(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $e = self::thrown(TransportException::class, static fn() => $client->request('GET', 'https://localhost:1/?secret')->getStatusCode());
        self::assertInstanceOf(ConnectException::class, $e->getPrevious());
        self::assertStringNotContainsString('secret', $e->getMessage());
        $response = $client->request('GET', Stand::shared()->url . '/never', ['max_duration' => 0.3]);
        $e = self::thrown(TransportException::class, $response->getStatusCode(...));
        self::assertNotInstanceOf(TimeoutException::class, $e);
        self::assertInstanceOf(HawserTimeout::class, $e->getPrevious());
        self::assertStringContainsString('Max duration', $e->getMessage());
        self::assertSame($e->getMessage(), $response->getInfo('error'));
        // More than every window on the way holds, so that the head is here before the break.
        $response = $client->request('GET', Stand::shared()->url . '/abort-after?bytes=8000000');
        self::assertSame(200, $response->getStatusCode());
        $e = self::thrown(TransportException::class, $response->getContent(...));
        self::assertInstanceOf(HawserException::class, $e->getPrevious());
        self::thrown(TransportException::class, $response->getContent(...));
        $response = $client->request('GET', Stand::shared()->url . '/never', ['timeout' => 0.2]);
        self::thrown(TimeoutException::class, $response->getStatusCode(...));
        self::assertSame('hello', $client->request('GET', Stand::shared()->url . '/')->getContent());
    }

    public function testABrokersWordOfASilentOriginIsATimeout(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frameOf(3);
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::error(1, 61, 'first_byte_timeout'));
        });
        $client = new HawserHttpClient([], new ClientOptions(socket: $broker->socket, fallback: Fallback::Fail, connectTimeoutMs: 5000));
        $e = self::thrown(TimeoutException::class, static fn() => $client->request('GET', self::URL)->getStatusCode());
        self::assertInstanceOf(HawserTimeout::class, $e->getPrevious());
        self::assertSame('first_byte_timeout', $e->getPrevious()->errorName());
    }

    public function testARedirectKeepsSecretsAtTheirOrigin(): void
    {
        $target = RawOrigin::run(RawOrigin::answering(static fn(string $head, string $body): string => self::answer(200, '', $head . $body)));
        $origin = RawOrigin::run(RawOrigin::answering(static fn(string $head): string => preg_match('~^\w+ /(\d+)~', $head, $match) === 1 ? self::answer((int) $match[1], "Location: {$target->url}/target\r\n") : ''));
        $client = self::on(false);
        $options = ['headers' => ['Authorization' => 'Basic c2VjcmV0', 'Cookie' => 'a=b', 'X-Kept' => 'yes'], 'body' => 'content'];
        foreach ([301 => 'GET', 302 => 'GET', 303 => 'GET', 307 => 'POST', 308 => 'POST'] as $status => $method) {
            $seen = $client->request('POST', "{$origin->url}/{$status}", $options)->getContent();
            self::assertStringStartsWith("{$method} /target HTTP/1.1", $seen);
            self::assertStringContainsString('x-kept: yes', $seen);
            self::assertDoesNotMatchRegularExpression('/^(authorization|cookie)/mi', $seen);
            self::assertSame($method === 'POST', str_ends_with($seen, 'content'));
            self::assertSame($method === 'POST', stripos($seen, 'content-type:') !== false);
        }
        $generator = (static fn() => yield 'content')();
        $e = self::thrown(TransportException::class, static fn() => $client->request('POST', "{$origin->url}/307", ['body' => $generator])->getStatusCode());
        self::assertStringContainsString('cannot be read again', $e->getMessage());
    }

    public function testOptionsOfAConnectionGoDirectOrAreRefused(): void
    {
        $stand = Stand::shared();
        $mixed = new HawserHttpClient(['cafile' => $stand->caFile], new ClientOptions(socket: $stand->socket, connectTimeoutMs: 10_000));
        self::assertTrue(self::facts($mixed, "{$stand->url}/")->isDirect);
        self::assertFalse(self::facts($mixed, "{$stand->url}/", ['cafile' => ''])->isDirect);
        $strict = self::on(true);
        $authority = substr($stand->url, 8);
        self::assertFalse(self::facts($strict, "{$stand->url}/", ['http_version' => '2.0', 'verify_peer' => true, 'headers' => ['Host' => $authority]])->isDirect);
        $options = [
            'http_version' => '1.1', 'resolve' => ['localhost' => '127.0.0.1'], 'proxy' => 'http://127.0.0.1:1', 'bindto' => '127.0.0.1', 'verify_peer' => false,
            'verify_host' => false, 'cafile' => $stand->caFile, 'capath' => '/tmp', 'local_cert' => '/x', 'local_pk' => '/x', 'passphrase' => 'x', 'ciphers' => 'x',
            'peer_fingerprint' => ['pin-sha256' => 'x'], 'crypto_method' => \STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT, 'max_connect_duration' => 1.0,
            'headers: Host' => 'other.example', 'capture_peer_cert_chain' => true, 'extra.curl' => [\CURLOPT_TCP_NODELAY => false], 'auth_ntlm' => 'a:b', 'no_such_option' => 1,
        ];
        foreach ($options as $name => $value) {
            $given = match ($name) {
                'headers: Host' => ['headers' => ['Host' => $value]],
                'extra.curl' => ['extra' => ['curl' => $value]],
                default => [$name => $value],
            };
            $e = self::thrown(InvalidArgumentException::class, static fn() => $strict->request('GET', "{$stand->url}/", $given));
            self::assertStringContainsString("\"{$name}\"", $e->getMessage());
        }
        self::thrown(InvalidArgumentException::class, static fn() => new HawserHttpClient(['no_such_option' => 1]));
        self::assertSame('other.example', $mixed->request('GET', "{$stand->url}/inspect", ['headers' => ['Host' => 'other.example']])->toArray()['authority']);
    }

    public function testTakesOnlyTheOriginsItIsToldTo(): void
    {
        $stand = Stand::shared();
        $options = new ClientOptions(socket: $stand->socket, connectTimeoutMs: 10_000, caFile: $stand->caFile, only: ['https://api.example.com']);
        self::assertTrue(self::facts(new HawserHttpClient([], $options), "{$stand->url}/")->isDirect);
    }

    public function testLogsRequestRedirectAndResponse(): void
    {
        $origin = RawOrigin::run(RawOrigin::answering(static fn(string $head): string => str_starts_with($head, 'GET /from') ? self::answer(302, "Location: /to\r\n") : self::answer(200, '', 'there')));
        $logger = new MemoryLogger();
        $client = self::on(false);
        $client->setLogger($logger);
        self::assertSame('there', $client->request('GET', "{$origin->url}/from")->getContent());
        self::assertCount(3, $logger->lines);
        foreach (['Request', 'Redirecting', 'Response'] as $at => $word) {
            self::assertStringStartsWith("info: {$word}: ", $logger->lines[$at]);
        }
    }

    public function testProgressIsTold(): void
    {
        $told = [];
        $response = self::on(true)->request('GET', Stand::shared()->url . '/bytes/1000000', ['on_progress' => static function (int $now, int $size, array $info) use (&$told): void {
            $told[] = [$now, $size, $info['http_code']];
        }]);
        $response->getContent();
        self::assertSame([0, 0, 0], $told[0]);
        self::assertSame([1_000_000, 1_000_000, 200], $told[\count($told) - 1]);
        self::assertSame($told, array_unique($told, SORT_REGULAR) + $told);
        self::assertGreaterThan(3, \count($told));
    }

    public function testCancelledBeforeItIsSentThereIsNoStatus(): void
    {
        $response = null;
        $response = self::on(true)->request('GET', Stand::shared()->url . '/', ['on_progress' => static function () use (&$response): void {
            $response?->cancel();
        }]);
        self::thrown(TransportException::class, $response->getStatusCode(...));
        self::thrown(TransportException::class, $response->getContent(...));
        self::assertTrue($response->getInfo('canceled'));
        self::assertSame(0.0, $response->getInfo('connect_time'));
    }

    public function testServerSentEventsComeOneByOne(): void
    {
        $origin = RawOrigin::run(static function ($stream): void {
            RawOrigin::head($stream);
            fwrite($stream, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n");
            fread($stream, 1); // until the client has had enough
        });
        $client = new EventSourceHttpClient(self::on(false));
        $data = [];
        foreach ($client->stream($source = $client->connect($origin->url)) as $chunk) {
            if ($chunk instanceof ServerSentEvent) {
                $data[] = $chunk->getData();
                $source->cancel();
            }
        }
        self::assertSame(['one'], $data);
    }

    public function testOptionsOfACloneDoNotTouchTheFirst(): void
    {
        $client = self::on(true);
        $clone = $client->withOptions(['headers' => ['x-clone' => '1'], 'base_uri' => Stand::shared()->url]);
        $own = $client->request('GET', Stand::shared()->url . '/inspect');
        $others = $clone->request('GET', '/inspect');
        $ended = [];
        foreach ($client->stream([$own, $others]) as $response => $chunk) {
            if ($chunk->isLast()) {
                $ended[] = $response;
            }
        }
        self::assertCount(2, $ended);
        self::assertNotContains('x-clone', self::fields($own->toArray()));
        self::assertContains('x-clone', self::fields($others->toArray()));
    }

    /**
     * @param array<string, mixed> $options
     */
    private static function facts(HttpClientInterface $client, string $url, array $options = []): Facts
    {
        $response = $client->request('GET', $url, $options);
        self::assertSame(200, $response->getStatusCode());
        $facts = $response->getInfo('hawser');
        self::assertInstanceOf(Facts::class, $facts);

        return $facts;
    }

    private static function on(bool $isBroker): HawserHttpClient
    {
        return new HawserHttpClient([], Stand::shared()->options($isBroker));
    }

    private static function awaitOpenRequests(int $wanted): void
    {
        for ($end = microtime(true) + 10; Stand::shared()->stats()['openRequests'] !== $wanted && microtime(true) < $end;) {
            usleep(10_000);
        }
        self::assertSame($wanted, Stand::shared()->stats()['openRequests']);
    }

    /**
     * What `getInfo` tells under a name that holds a number.
     */
    private static function number(mixed $info, string $name): float
    {
        $value = \is_array($info) ? $info[$name] ?? null : null;

        return \is_int($value) || \is_float($value) ? (float) $value : self::fail("{$name} is no number");
    }

    /**
     * @param array<array-key, mixed> $seen
     *
     * @return list<mixed>
     */
    private static function fields(array $seen): array
    {
        return \is_array($seen['fields']) ? array_values($seen['fields']) : [];
    }

    private static function answer(int $status, string $fields = '', string $body = ''): string
    {
        return "HTTP/1.1 {$status} Whatever\r\n{$fields}Content-Length: " . \strlen($body) . "\r\n\r\n{$body}";
    }
}
