<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Client;
use Hawser\Exception\ConnectException;
use Hawser\Exception\DnsException;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\NetworkException;
use Hawser\Exception\RequestException;
use Hawser\Exception\TimeoutException;
use Hawser\Exception\TlsException;
use Hawser\Fields;
use Hawser\Psr18Client;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\Stand;
use Nyholm\Psr7\Factory\Psr17Factory;
use PHPUnit\Framework\Attributes\DataProvider;

/**
 * The same calls mean the same through the real broker and without one, with a real origin behind both.
 */
final class RealBrokerTest extends ClientTestCase
{
    private static string $url = '';

    private static string $socket = '';

    public static function setUpBeforeClass(): void
    {
        self::$url = Stand::shared()->url;
        self::$socket = Stand::shared()->socket;
    }

    public static function tearDownAfterClass(): void
    {
        Stand::shared()->assertNoErrors();
    }

    /**
     * @return iterable<string, array{bool}>
     */
    public static function paths(): iterable
    {
        yield 'through the broker' => [true];
        yield 'direct' => [false];
    }

    #[DataProvider('paths')]
    public function testSmallExchange(bool $isBroker): void
    {
        $response = self::on($isBroker)->request('POST', self::$url . '/inspect?a=%7e//..', ['headers' => ['X-A' => ['1', '', "\xE9"], 'Content-Type' => 'text/plain'], 'body' => 'hello']);
        self::assertSame(200, $response->status());
        $seen = json_decode($response->body(), true);
        self::assertIsArray($seen);
        self::assertSame(['POST', '/inspect?a=%7e//..', 5, hash('sha256', 'hello')], [$seen['method'], $seen['target'], $seen['bodyBytes'], $seen['sha256']]);
        self::assertSame(['x-a', '1', 'x-a', '', 'x-a', "\u{E9}", 'content-type', 'text/plain', 'content-length', '5'], $seen['fields']);
        self::assertSame(['h2', !$isBroker], [$response->facts()?->protocol, $response->facts()?->isDirect]);
    }

    #[DataProvider('paths')]
    public function testLargeBodiesBothWays(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $content = random_bytes(3_000_000);
        self::assertSame(md5($content), md5($client->request('POST', self::$url . '/echo', ['body' => $content])->body()));
        $response = $client->request('POST', self::$url . '/echo', ['stream' => true, 'body' => (static function () use ($content) {
            yield from str_split($content, 12_345);
        })()]);
        $hash = hash_init('md5');
        foreach ($response as $octets) {
            hash_update($hash, $octets);
        }
        self::assertSame(md5($content), hash_final($hash));
    }

    #[DataProvider('paths')]
    public function testOneStreamIsTheBodyOfTheNext(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $from = $client->request('GET', self::$url . '/bytes/2000000', ['stream' => true]);
        $seen = json_decode($client->request('PUT', self::$url . '/inspect', ['body' => $from])->body(), true);
        self::assertIsArray($seen);
        self::assertSame(2_000_000, $seen['bodyBytes']);
    }

    #[DataProvider('paths')]
    public function testTheRestOfHttp(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $head = $client->request('HEAD', self::$url . '/bytes/100');
        self::assertSame(['100', ''], [$head->header('content-length'), $head->body()]);
        self::assertSame([204, ''], [$client->request('GET', self::$url . '/status/204')->status(), $client->request('GET', self::$url . '/status/204')->body()]);
        self::assertSame(500, $client->request('GET', self::$url . '/status/500')->status());
        $trailers = $client->request('GET', self::$url . '/trailers')->trailers();
        self::assertSame(['x-checksum' => ['abc'], 'x-part' => ['1', '2']], $trailers->byName());
        $hints = [];
        $client->request('GET', self::$url . '/early-hints', ['onInformational' => static function (int $status, Fields $fields) use (&$hints): void {
            $hints[] = [$status, $fields->get('x-hint')];
        }]);
        self::assertSame([[103, 'early']], $hints);
        self::assertSame(413, $client->request('POST', self::$url . '/refuse-body', ['body' => str_repeat('x', 2_000_000)])->status());
        self::assertSame(40_000, array_sum(array_map('strlen', $client->request('GET', self::$url . '/headers?count=40&bytes=1000')->headers()->all('x-field-1'))) * 40);
        $psr = (new Psr18Client($client))->sendRequest((new Psr17Factory())->createRequest('GET', self::$url . '/status/404'));
        self::assertSame([404, "status 404\n"], [$psr->getStatusCode(), (string) $psr->getBody()]);
    }

    #[DataProvider('paths')]
    public function testAHundredAtOnce(bool $isBroker): void
    {
        $client = self::on($isBroker);
        $start = microtime(true);
        $responses = $client->all(array_map(static fn() => $client->start('GET', self::$url . '/slow?ms=100'), range(1, 100)));
        self::assertSame(array_fill(0, 100, 'hello'), array_map(static fn($response) => $response->body(), $responses));
        self::assertLessThan(5.0, microtime(true) - $start);
    }

    /**
     * @return iterable<string, array{bool, string, string, array<string, mixed>, class-string<ExchangeException>, string}>
     */
    public static function failures(): iterable
    {
        foreach (self::paths() as $path => [$isBroker]) {
            yield "{$path}: no host" => [$isBroker, 'GET', 'https:///x', [], RequestException::class, 'request_invalid'];
            yield "{$path}: no scheme" => [$isBroker, 'GET', '/x', [], RequestException::class, 'request_invalid'];
            yield "{$path}: userinfo" => [$isBroker, 'GET', 'https://user:secret@localhost/', [], RequestException::class, 'request_invalid'];
            yield "{$path}: space" => [$isBroker, 'GET', 'https://localhost/a b', [], RequestException::class, 'request_invalid'];
            yield "{$path}: CR LF" => [$isBroker, 'GET', "https://localhost/\r\nx: y", [], RequestException::class, 'request_invalid'];
            yield "{$path}: method" => [$isBroker, 'GE T', '%s/', [], RequestException::class, 'request_invalid'];
            yield "{$path}: field name" => [$isBroker, 'GET', '%s/', ['headers' => ["a\xE9" => 'b']], RequestException::class, 'request_invalid'];
            yield "{$path}: field value" => [$isBroker, 'GET', '%s/', ['headers' => ['a' => "b\r\nc: d"]], RequestException::class, 'request_invalid'];
            yield "{$path}: content-length" => [$isBroker, 'POST', '%s/', ['headers' => ['content-length' => '4'], 'body' => 'abc'], RequestException::class, 'request_invalid'];
            yield "{$path}: too many fields" => [$isBroker, 'GET', '%s/', ['headers' => ['a' => array_fill(0, 1001, '')]], RequestException::class, 'request_too_large'];
            yield "{$path}: too much in fields" => [$isBroker, 'GET', '%s/', ['headers' => ['a' => str_repeat('x', 200_000)]], RequestException::class, 'request_too_large'];
            yield "{$path}: unknown host" => [$isBroker, 'GET', 'https://no-such-host.invalid/', [], DnsException::class, 'dns_failed'];
            yield "{$path}: refused port" => [$isBroker, 'GET', 'https://localhost:1/', [], ConnectException::class, 'connect_refused'];
            yield "{$path}: no answer" => [$isBroker, 'GET', '%s/never', ['timeoutMs' => 200], TimeoutException::class, 'deadline_exceeded'];
            yield "{$path}: connection breaks" => [$isBroker, 'GET', '%s/abort-after?bytes=1000&what=connection', [], NetworkException::class, 'origin_closed'];
        }
        yield 'untrusted' => [true, 'GET', 'https://127.0.0.1:%d/', [], TlsException::class, 'tls_untrusted'];
    }

    /**
     * @param array<string, mixed>            $options
     * @param class-string<ExchangeException> $class
     */
    #[DataProvider('failures')]
    public function testFailure(bool $isBroker, string $method, string $url, array $options, string $class, string $name): void
    {
        $url = str_replace(['%s', '%d'], [self::$url, (string) parse_url(self::$url, \PHP_URL_PORT)], $url);
        $start = microtime(true);
        $e = self::thrown($class, static fn() => self::on($isBroker)->request($method, $url, $options));
        self::assertSame($name, $e->errorName(), $e->getMessage());
        self::assertStringNotContainsString('secret', $e->getMessage());
        self::assertLessThan(5.0, microtime(true) - $start);
        self::assertSame(200, self::on($isBroker)->request('GET', self::$url . '/')->status(), 'the next exchange is unharmed');
    }

    public function testTheSnippetOfTheReadme(): void
    {
        $folder = \dirname(__DIR__, 2);
        self::assertSame(1, preg_match('/```php\n(.*?)```/s', (string) file_get_contents("{$folder}/README.md"), $snippet));
        $answers = ['/v1/me' => '/status/201', '/a' => '/', '/b' => '/echo', '/copy' => '/inspect', '/large' => '/bytes/1000000'];
        $code = $snippet[1];
        foreach ($answers as $path => $answer) {
            $code = str_replace("'https://api.example.com{$path}'", "'" . self::$url . $answer . "'", $code);
        }
        self::assertStringNotContainsString('api.example.com', $code);
        $process = proc_open(
            [PHP_BINARY, '-d', 'display_errors=1', '-r', "require '{$folder}/vendor/autoload.php'; {$code} echo \$both['b']->body();"],
            [1 => ['pipe', 'w']],
            $pipes,
            null,
            ['HAWSER_SOCKET' => self::$socket, 'HAWSER_FALLBACK' => 'fail'] + getenv(),
        );
        self::assertIsResource($process);
        self::assertSame("201 text/plain status 201\nhello", stream_get_contents($pipes[1]));
        self::assertSame(0, proc_close($process));
    }

    private static function on(bool $isBroker): Client
    {
        return new Client(Stand::shared()->options($isBroker));
    }
}
