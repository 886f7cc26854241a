<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\DataProvider;
use Throwable;

/**
 * Every API means the same, through the broker and without it, with a real origin behind both. A new API joins by one
 * class and one line in `APIS`.
 */
final class BehaviourTest extends ClientTestCase
{
    private const APIS = ['Client' => ClientApi::class, 'PSR-18' => Psr18Api::class, 'Guzzle' => GuzzleApi::class, 'Symfony' => SymfonyApi::class];

    private const GENEROUS_SECONDS = 10;

    private static string $origin = '';

    public static function setUpBeforeClass(): void
    {
        self::$origin = Stand::shared()->url;
    }

    public static function tearDownAfterClass(): void
    {
        Stand::shared()->assertNoErrors();
    }

    /**
     * @return iterable<string, array{class-string<Api>, bool}>
     */
    public static function apis(): iterable
    {
        foreach (self::APIS as $name => $class) {
            yield "{$name}, through the broker" => [$class, true];
            yield "{$name}, direct" => [$class, false];
        }
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testRequestAndResponseComeAsTheyAre(string $class, bool $isBroker): void
    {
        $answer = self::on($class, $isBroker)->send('PATCH', self::$origin . '/inspect/a%2Fb//c?q=%2F&q=+', ['X-A' => ['1', '', "\xE9"], 'X-Empty' => '', 'Content-Type' => 'text/plain'], 'hello');
        self::assertSame(200, $answer->status);
        $seen = $answer->seen();
        self::assertSame(['PATCH', '/inspect/a%2Fb//c?q=%2F&q=+', 5, hash('sha256', 'hello')], [$seen['method'] ?? null, $seen['target'] ?? null, $seen['bodyBytes'] ?? null, $seen['sha256'] ?? null]);
        self::assertSame([['1', '', "\u{E9}"], [''], ['text/plain'], ['5']], [$answer->seenField('x-a'), $answer->seenField('x-empty'), $answer->seenField('content-type'), $answer->seenField('content-length')]);
        if ($answer->facts !== null) {
            self::assertSame(['h2', !$isBroker, 1], [$answer->facts->protocol, $answer->facts->isDirect, $answer->facts->attempts]);
            self::assertNotSame('', $answer->facts->session);
            self::assertGreaterThan(0, $answer->facts->firstByteUs);
            self::assertGreaterThanOrEqual($answer->facts->firstByteUs, $answer->facts->totalUs);
        }
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testFieldsKeepRepeatsEmptyValuesAndOctets(string $class, bool $isBroker): void
    {
        $fields = self::on($class, $isBroker)->send('GET', self::$origin . '/odd-fields')->fields;
        self::assertSame([['1', '', '3'], [''], ["caf\xE9"], ['a=1; Path=/', 'b=2; Path=/']], [$fields['x-many'] ?? null, $fields['x-empty'] ?? null, $fields['x-octets'] ?? null, $fields['set-cookie'] ?? null]);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testCookiesAndBasicAuthGoThrough(string $class, bool $isBroker): void
    {
        $answer = self::on($class, $isBroker)->send('GET', self::$origin . '/inspect', ['Cookie' => 'a=1; b=2', 'Authorization' => 'Basic ' . base64_encode('user:pass')]);
        self::assertSame([['a=1; b=2'], ['Basic dXNlcjpwYXNz']], [[implode('; ', $answer->seenField('cookie'))], $answer->seenField('authorization')]);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testSixtyFourKibibytesOfFields(string $class, bool $isBroker): void
    {
        $fields = self::on($class, $isBroker)->send('GET', self::$origin . '/headers?count=64&bytes=1024')->fields;
        self::assertSame(64 * 1024, \strlen(implode('', array_map(static fn(int $n): string => $fields["x-field-{$n}"][0] ?? '', range(0, 63)))));
        $answer = self::on($class, $isBroker)->send('GET', self::$origin . '/inspect', ['X-Large' => str_repeat('e', 64 * 1024)]);
        self::assertSame(64 * 1024, \strlen($answer->seenField('x-large')[0] ?? ''));
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testResponsesWithoutABody(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        $head = $api->send('HEAD', self::$origin . '/bytes/100');
        self::assertSame([200, ['100'], ''], [$head->status, $head->fields['content-length'] ?? null, $head->body]);
        foreach ([204, 304] as $status) {
            $answer = $api->send('GET', self::$origin . "/status/{$status}");
            self::assertSame([$status, ''], [$answer->status, $answer->body]);
        }
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testErrorStatusIsAResponse(string $class, bool $isBroker): void
    {
        foreach ([404, 503] as $status) {
            $answer = self::on($class, $isBroker)->send('POST', self::$origin . "/status/{$status}");
            self::assertSame([$status, "status {$status}\n"], [$answer->status, $answer->body]);
        }
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testInformationalResponsesAreNotTheResponse(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        self::assertSame(200, $api->send('GET', self::$origin . '/early-hints')->status);
        $hints = $api->hints(self::$origin . '/early-hints');
        self::assertSame($hints === null ? null : [[103, ['early']]], $hints);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testRedirectsAreFollowedWhereTheApiDoesSo(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        $url = self::$origin . '/redirect/307?to=/status/201';
        $answer = $api->send('POST', $url, [], 'hello');
        self::assertSame([307, ['/status/201']], [$answer->status, $answer->fields['location'] ?? null]);
        self::assertSame([null, 201][(int) ($api->follow($url) !== null)], $api->follow($url)?->status);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testGzip(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        $plain = $api->send('GET', self::$origin . '/gzip/100000');
        self::assertSame(['gzip'], $plain->fields['content-encoding'] ?? null);
        self::assertSame(self::content(100_000), gzdecode($plain->body));
        // Whether content-encoding stays among the fields is each library's own custom.
        self::assertContains($api->decode(self::$origin . '/gzip/100000')?->body, [null, self::content(100_000)]);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testABodyFromAGenerator(string $class, bool $isBroker): void
    {
        $content = self::content(1_000_000);
        $answer = self::on($class, $isBroker)->send('POST', self::$origin . '/inspect', [], (static fn() => yield from str_split($content, 12_345))());
        self::assertSame([1_000_000, hash('sha256', $content), []], [$answer->seen()['bodyBytes'] ?? null, $answer->seen()['sha256'] ?? null, $answer->seenField('content-length')]);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testLargeBodiesBothWays(string $class, bool $isBroker): void
    {
        $content = self::content(1_500_000);
        self::assertSame(md5($content), md5(self::on($class, $isBroker)->send('PUT', self::$origin . '/echo', [], $content)->body));
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testABodyIsReadWhileItComesAndGivenUpHalfWay(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        $reader = $api->stream(self::$origin . '/bytes/1000000');
        if ($reader === null) {
            self::assertSame(self::content(1_000_000), $api->send('GET', self::$origin . '/bytes/1000000')->body);

            return;
        }
        $body = '';
        while (($octets = $reader->read()) !== '') {
            $body .= $octets;
        }
        self::assertSame(md5(self::content(1_000_000)), md5($body));
        self::awaitOpenRequests(0);
        // One piece now, the next in a minute: what came is here before the end.
        $reader = $api->stream(self::$origin . '/drip?chunks=2&ms=60000&bytes=1000');
        self::assertSame(self::content(1000), $reader?->read());
        self::awaitOpenRequests(1);
        unset($reader);
        self::awaitOpenRequests(0);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testAHundredAtOnce(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        $count = $api->isConcurrent() ? 100 : 3;
        Stand::shared()->resetStats();
        $answers = $api->sendAll(array_map(static fn(int $n): string => self::$origin . "/slow?ms=100&n={$n}", range(1, $count)));
        self::assertCount($count, $answers);
        self::assertSame(array_fill(0, $count, 'hello'), array_map(static fn(Answer $answer): string => $answer->body, $answers));
        $most = Stand::shared()->stats()['maxOpenRequests'] ?? null;
        self::assertIsInt($most);
        self::assertGreaterThanOrEqual($api->isConcurrent() ? 20 : 1, $most, 'they were at the origin at once');
    }

    /**
     * @return iterable<string, array{class-string<Api>, bool, string, string}> API, path, URL, name of the error
     */
    public static function lateness(): iterable
    {
        foreach (self::apis() as $name => [$class, $isBroker]) {
            yield "{$name}: handshake" => [$class, $isBroker, 'SILENT', 'deadline_exceeded'];
            yield "{$name}: head" => [$class, $isBroker, 'ORIGIN/never', 'deadline_exceeded'];
            yield "{$name}: body" => [$class, $isBroker, 'ORIGIN/drip?chunks=2&ms=60000', 'deadline_exceeded'];
        }
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('lateness')]
    public function testTimeRunsOutInEachPhase(string $class, bool $isBroker, string $url, string $name): void
    {
        // The kernel takes its connections, and nobody ever answers.
        $silent = stream_socket_server('tcp://127.0.0.1:0');
        self::assertIsResource($silent);
        $url = str_replace(['SILENT', 'ORIGIN'], ['https://localhost:' . substr((string) strrchr((string) stream_socket_get_name($silent, false), ':'), 1), self::$origin], $url);
        $startedAt = microtime(true);
        $this->assertFails($name, new $class(Stand::shared()->options($isBroker, 200)), $url, 'maybe');
        self::assertLessThan(self::GENEROUS_SECONDS, microtime(true) - $startedAt);
    }

    /**
     * @param class-string<Api> $class
     */
    #[DataProvider('apis')]
    public function testFailuresHaveTheirTypes(string $class, bool $isBroker): void
    {
        $api = self::on($class, $isBroker);
        $this->assertFails('connect_refused', $api, 'https://localhost:1/', 'no');
        $this->assertFails('dns_failed', $api, 'https://no-such-host.invalid/', 'no');
        $this->assertFails('origin_closed', $api, self::$origin . '/abort-after?bytes=1000&what=connection', 'maybe');
        self::assertSame(200, $api->send('GET', self::$origin . '/')->status, 'the next one is unharmed');
    }

    private function assertFails(string $name, Api $api, string $url, string $processed): void
    {
        try {
            $api->send('POST', $url);
        } catch (Throwable $e) {
            self::assertInstanceOf($api->failureType(), $e, $e::class . ': ' . $e->getMessage());
            $cause = Api::cause($e);
            self::assertSame($name, $cause?->errorName(), $e->getMessage());
            // What was never connected is "no" even where time ran out.
            self::assertContains($cause->processed(), [$processed, $name === 'deadline_exceeded' ? 'no' : $processed]);

            return;
        }
        self::fail("{$name} was expected");
    }

    /**
     * @param class-string<Api> $class
     */
    private static function on(string $class, bool $isBroker): Api
    {
        return new $class(Stand::shared()->options($isBroker));
    }

    private static function awaitOpenRequests(int $wanted): void
    {
        $end = microtime(true) + self::GENEROUS_SECONDS;
        do {
            $open = Stand::shared()->stats()['openRequests'] ?? null;
            usleep(5000);
        } while ($open !== $wanted && microtime(true) < $end);
        self::assertSame($wanted, $open, 'requests open at the origin');
    }

    private static function content(int $bytes): string
    {
        return substr(str_repeat(implode('', array_map(chr(...), range(0, 250))), intdiv($bytes, 251) + 1), 0, $bytes);
    }
}
