<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\FpmPool;
use Hawser\Tests\Support\Stand;

/**
 * What only a real worker shows: streams that outlive the PHP request, and PHP requests that do not live to their end.
 */
final class FpmTest extends ClientTestCase
{
    private const CLIENT = '
        require $_SERVER["AUTOLOAD"];
        $client = new Hawser\Client(new Hawser\ClientOptions(socket: $_SERVER["BROKER"], fallback: Hawser\Fallback::Fail, connectTimeoutMs: 5000));
    ';

    private const PHP_REQUESTS = 60;

    /** Far above what an allocator varies by, and below a leak of 6 KiB in each PHP request. */
    private const ALLOWED_KIBIBYTES = 256;

    private FpmPool $fpm;

    protected function setUp(): void
    {
        $binary = FpmPool::binary();
        if ($binary === null) {
            self::markTestSkipped('php-fpm is not installed');
        }
        $this->fpm = new FpmPool($binary);
    }

    public function testAWorkerKeepsItsSocket(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept();
            $nonces = [];
            for ($n = 1; $n <= 20; ++$n) {
                $nonces[] = $peer->serveOne("answer {$n}")->nonce;
            }

            return $nonces;
        });
        for ($n = 1; $n <= 20; ++$n) {
            self::assertSame("answer {$n}", $this->request($broker, 'echo $client->request("GET", "https://example.com/")->body();'));
        }
        $nonces = $broker->report();
        self::assertIsArray($nonces);
        self::assertContainsOnlyString($nonces);
        self::assertCount(20, array_unique($nonces), 'each PHP request has a nonce of its own');
    }

    public function testAPhpRequestKilledByItsTimeLimitWhileReadingHarmsNobody(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, '', isEnd: false));
            for ($n = 0; $n < 4; ++$n) {
                $peer->send(BrokerFrames::data(1, str_repeat('x', 50_000)));
            }
            $cancel = $peer->frameOf(8);
            $peer->send(substr(BrokerFrames::data(1, str_repeat('x', 50_000)), 0, 30_000));
            $peer->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, 'its own answer'));

            return \array_slice($cancel ?? [], 0, 2);
        });
        $output = $this->request($broker, '
            $response = $client->request("GET", "https://example.com/", ["stream" => true]);
            echo strlen($response->read(1000));
            set_time_limit(1);
            while (true);
        ');
        self::assertStringContainsString('Maximum execution time of 1 second exceeded', $output);
        self::assertSame('its own answer', $this->request($broker, 'echo $client->request("POST", "https://example.com/")->body();'));
        self::assertSame([8, 1], $broker->report(), 'the exchange was cancelled although no destructor ran');
    }

    public function testAPhpRequestKilledByItsTimeLimitWhileWritingAFrameLeavesNoSocketBehind(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): array {
            // It reads no more than the head, so the body does not fit into the socket.
            $peer = $broker->accept();
            $start = (string) stream_get_contents($peer->stream(), 60);
            $peer->send(BrokerFrames::welcome(substr($start, 9, 16)));
            usleep(100_000);
            $peer->send(BrokerFrames::informational(1, 103));
            $new = $broker->accept()->serveOne('from a new socket');
            $rest = (string) stream_get_contents($peer->stream());
            $new->serveOne('which is kept');

            return [\strlen($rest) % 65_548 !== 0, feof($peer->stream())];
        });
        $output = $this->request($broker, '
            set_time_limit(1);
            $client->request("PUT", "https://example.com/", ["body" => str_repeat("x", 3000000), "onInformational" => static function () { while (true); }]);
        ');
        self::assertStringContainsString('Maximum execution time of 1 second exceeded', $output);
        self::assertSame('from a new socket', $this->request($broker, 'echo $client->request("POST", "https://example.com/")->body();'));
        self::assertSame('which is kept', $this->request($broker, 'echo $client->request("POST", "https://example.com/")->body();'));
        self::assertSame([true, true], $broker->report());
    }

    public function testManyPhpRequestsLeaveNothingBehind(): void
    {
        $stand = Stand::shared();
        $code = '
            require $_SERVER["AUTOLOAD"];
            $options = new Hawser\ClientOptions(socket: $_SERVER["BROKER"], fallback: Hawser\Fallback::Fail, connectTimeoutMs: 10000);
            $client = new Hawser\Client($options);
            $guzzle = new GuzzleHttp\Client(["handler" => Hawser\Guzzle\HawserHandler::stack($client)]);
            $psr = (new Hawser\Psr18Client($client))->sendRequest(new GuzzleHttp\Psr7\Request("GET", $_SERVER["URL"]));
            $both = GuzzleHttp\Promise\Utils::unwrap([$guzzle->getAsync($_SERVER["URL"]), $guzzle->getAsync($_SERVER["URL"])]);
            $dropped = $client->start("GET", $_SERVER["URL"]);
            $stream = $client->request("GET", $_SERVER["URL"], ["stream" => true]);
            preg_match("/VmRSS:\s*(\d+)/", file_get_contents("/proc/self/status"), $rss);
            echo $client->request("GET", $_SERVER["URL"])->body(), " ", opcache_get_status(false)["opcache_enabled"] ? "opcache" : "", " ", count(scandir("/proc/self/fd")), " ", $rss[1];
        ';
        $server = ['AUTOLOAD' => \dirname(__DIR__, 2) . '/vendor/autoload.php', 'BROKER' => $stand->socket, 'URL' => "{$stand->url}/"];
        $first = [];
        $last = [];
        for ($n = 0; $n < self::PHP_REQUESTS; ++$n) {
            $last = explode(' ', $this->fpm->run($code, $server));
            self::assertSame(['hello', 'opcache'], \array_slice($last, 0, 2), implode(' ', $last));
            // The first ones fill caches and open the socket.
            $first = $n === intdiv(self::PHP_REQUESTS, 5) ? $last : $first;
        }
        self::assertLessThanOrEqual((int) ($first[2] ?? 0), (int) ($last[2] ?? PHP_INT_MAX), 'descriptors');
        self::assertLessThan(self::ALLOWED_KIBIBYTES, (int) ($last[3] ?? 0) - (int) ($first[3] ?? 0), 'memory');
        self::assertSame('', $this->fpm->log());
    }

    private function request(FakeBroker $broker, string $code): string
    {
        return $this->fpm->run(self::CLIENT . $code, ['AUTOLOAD' => \dirname(__DIR__, 2) . '/vendor/autoload.php', 'BROKER' => $broker->socket]);
    }
}
