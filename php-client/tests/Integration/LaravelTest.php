<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use GuzzleHttp\Handler\MockHandler;
use GuzzleHttp\Promise\Create;
use GuzzleHttp\Psr7\Response as PsrResponse;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Guzzle\HawserHandler;
use Hawser\Laravel\HawserServiceProvider;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\Stand;
use Illuminate\Config\Repository;
use Illuminate\Foundation\Application;
use Illuminate\Http\Client\ConnectionException;
use Illuminate\Http\Client\Pool;
use Illuminate\Http\Client\Response;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Facades\Http;
use Psr\Http\Message\RequestInterface;

final class LaravelTest extends ClientTestCase
{
    private static string $url = '';

    private string $folder = '';

    public static function setUpBeforeClass(): void
    {
        self::$url = Stand::shared()->url;
    }

    protected function setUp(): void
    {
        $this->folder = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir($this->folder);
        $this->application(['socket' => Stand::shared()->socket, 'fallback' => 'fail', 'connectTimeoutMs' => 10_000, 'timeoutMs' => 20_000]);
    }

    protected function tearDown(): void
    {
        Facade::clearResolvedInstances();
        Facade::setFacadeApplication(null);
        Application::setInstance(null);
        rmdir($this->folder);
        parent::tearDown();
    }

    public function testARequestGoesThroughTheBroker(): void
    {
        $response = self::response(Http::withHeaders(['X-A' => '1'])->post(self::$url . '/inspect', ['item' => 1]));
        self::assertSame([200, 'POST', 10], [$response->status(), $response->json('method'), $response->json('bodyBytes')]);
        self::assertContains('x-a', (array) $response->json('fields'));
        self::assertThroughBroker($response);
        self::assertSame(404, self::response(Http::get(self::$url . '/status/404'))->status());
    }

    public function testAPoolRunsAtOnceOnTheBroker(): void
    {
        $startedAt = microtime(true);
        $responses = Http::pool(static fn(Pool $pool): array => array_map(static fn(int $at) => $pool->as("r{$at}")->get(self::$url . '/slow?ms=500'), range(1, 20)));
        self::assertLessThan(9.0, microtime(true) - $startedAt, 'one after the other would take ten seconds');
        self::assertCount(20, $responses);
        foreach ($responses as $response) {
            self::assertThroughBroker(self::response($response));
        }
    }

    public function testFakesNeedNoBroker(): void
    {
        $this->application(['socket' => '/nowhere/none.sock', 'fallback' => 'fail']);
        Http::fake(['*' => Http::response('faked', 201)]);
        $response = self::response(Http::get(self::$url));
        self::assertSame(['faked', 201], [$response->body(), $response->status()]);
        Http::assertSentCount(1);
    }

    public function testWithoutBrokerItIsLaravelsOwnException(): void
    {
        $this->application(['socket' => '/nowhere/none.sock', 'fallback' => 'fail']);
        $e = self::thrown(ConnectionException::class, static fn() => Http::get(self::$url));
        self::assertStringContainsString('/nowhere/none.sock', $e->getMessage());
    }

    public function testAHandlerOfTheApplicationIsLeftAlone(): void
    {
        $mock = new MockHandler([new PsrResponse(202)]);
        self::assertSame(202, self::response(Http::setHandler($mock)->get(self::$url))->status());
        $closure = static fn() => Create::promiseFor(new PsrResponse(203));
        self::assertSame(203, self::response(Http::setHandler($closure)->get(self::$url))->status());
    }

    public function testGlobalOptionsAndMiddlewareAreLaravels(): void
    {
        Http::globalOptions(['headers' => ['X-Global' => '1']]);
        Http::globalRequestMiddleware(static fn(RequestInterface $request) => $request->withHeader('X-Middleware', '2'));
        $fields = (array) self::response(Http::get(self::$url . '/inspect'))->json('fields');
        self::assertContains('x-global', $fields);
        self::assertContains('x-middleware', $fields);
    }

    public function testTheOptionsAreChecked(): void
    {
        $app = $this->application(['sokcet' => '/x']);
        $e = self::thrown(InvalidArgumentException::class, static fn() => $app->make(HawserHandler::class));
        self::assertStringContainsString('"sokcet" is no option', $e->getMessage());
    }

    public function testComposerTellsLaravelOfTheProvider(): void
    {
        $composer = json_decode((string) file_get_contents(\dirname(__DIR__, 2) . '/composer.json'), true);
        self::assertIsArray($composer);
        self::assertSame(['laravel' => ['providers' => [HawserServiceProvider::class]]], $composer['extra'] ?? null);
    }

    /**
     * @param array<string, mixed> $options
     */
    private function application(array $options): Application
    {
        Facade::clearResolvedInstances();
        $app = new Application($this->folder);
        $app->instance('config', new Repository(['services' => ['hawser' => $options]]));
        Facade::setFacadeApplication($app);
        $app->register(HawserServiceProvider::class);

        return $app;
    }

    private static function response(mixed $response): Response
    {
        self::assertInstanceOf(Response::class, $response);

        return $response;
    }

    private static function assertThroughBroker(Response $response): void
    {
        self::assertArrayHasKey('hawser', $response->handlerStats());
    }
}
