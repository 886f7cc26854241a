<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

/**
 * `composer require hawser/client` into an empty project, alone and beside each optional package: it installs what it
 * needs and no more, holds no tests, and works. From this folder and its vendor folder, without the network.
 */
final class ComposerTest extends TestCase
{
    private const OURS = 'hawser/client';

    private const NEEDED = ['hawser/client', 'psr/http-client', 'psr/http-factory', 'psr/http-message', 'psr/log'];

    private string $project = '';

    protected function setUp(): void
    {
        if (!\extension_loaded('msgpack')) {
            self::markTestSkipped('what is installed does not depend on the codec; the run with ext-msgpack has tested it');
        }
        $this->project = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir($this->project);
    }

    protected function tearDown(): void
    {
        $process = proc_open(['rm', '-rf', $this->project], [], $pipes);
        if ($process !== false) {
            proc_close($process);
        }
    }

    /**
     * @return iterable<string, array{list<string>, string, string}> packages beside ours, code, what it prints
     */
    public static function projects(): iterable
    {
        yield 'alone' => [[], '$c = new Hawser\Client(); echo $c->request("GET", URL . "/status/201")->status(); echo class_exists(Hawser\Psr18Client::class) ? " loads" : "";', '201 loads'];
        yield 'with nyholm/psr7' => [['nyholm/psr7'], 'echo (new Hawser\Psr18Client())->sendRequest((new Nyholm\Psr7\Factory\Psr17Factory())->createRequest("GET", URL . "/"))->getBody();', 'hello'];
        yield 'with guzzlehttp/guzzle' => [['guzzlehttp/guzzle'], self::GUZZLE, 'hello hello 404 connect_refused'];
        yield 'with symfony/http-client' => [['symfony/http-client'], 'echo (new Hawser\Symfony\HawserHttpClient())->request("GET", URL . "/")->getContent();', 'hello'];
    }

    private const GUZZLE = <<<'PHP'
        $g = new GuzzleHttp\Client(['handler' => Hawser\Guzzle\HawserHandler::stack()]);
        echo $g->get(URL . '/')->getBody(), ' ';
        $promises = array_map(static fn() => $g->getAsync(URL . '/'), range(1, 5));
        echo GuzzleHttp\Promise\Utils::unwrap($promises)[4]->getBody(), ' ';
        try {
            $g->get(URL . '/status/404');
        } catch (GuzzleHttp\Exception\ClientException $e) {
            echo $e->getResponse()->getStatusCode(), ' ';
        }
        try {
            $g->get('https://localhost:1/');
        } catch (GuzzleHttp\Exception\ConnectException $e) {
            echo $e->getPrevious()->errorName();
        }
        PHP;

    /**
     * @param list<string> $packages
     */
    #[DataProvider('projects')]
    public function testWorksWithWhatIsInstalled(array $packages, string $code, string $printed): void
    {
        $this->requirePackages([self::OURS, ...$packages], ['packagist.org' => false]);
        $installed = array_map(static fn(string $folder): string => implode('/', \array_slice(explode('/', $folder), -2)), glob("{$this->project}/vendor/*/*", GLOB_ONLYDIR) ?: []);
        if ($packages === []) {
            self::assertSame(self::NEEDED, $installed);
            $files = array_map(basename(...), glob("{$this->project}/vendor/hawser/client/{,.}[!.]*", GLOB_BRACE) ?: []);
            sort($files);
            self::assertSame(['LICENSE', 'README.md', 'composer.json', 'examples', 'src'], $files);
        }
        self::assertContains(self::OURS, $installed);
        self::assertSame($printed, $this->runCode($code));
    }

    public function testWorksWithGuzzle8(): void
    {
        $found = $this->requirePackages([self::OURS, 'guzzlehttp/guzzle:^8'], [], false);
        if (!$found) {
            self::markTestSkipped('Composer finds no Guzzle 8 here');
        }
        $code = self::GUZZLE . <<<'PHP'

            try {
                $g->post(URL . '/never', ['timeout' => 0.2]);
            } catch (GuzzleHttp\Exception\NetworkTimeoutException $e) {
                echo ' ', $e->getPrevious()->errorName();
            }
            try {
                $g->get(URL . '/', ['on_headers' => static fn() => throw new RuntimeException('mine')]);
            } catch (GuzzleHttp\Exception\ResponseException $e) {
                echo ' ', $e->getPrevious()->getMessage();
            }
            try {
                $g->post(URL . '/abort-after?bytes=1000&what=connection');
            } catch (GuzzleHttp\Exception\NetworkException|GuzzleHttp\Exception\ResponseTransferException $e) {
                echo ' ', $e->getPrevious()->errorName();
            }
            $known = [...Hawser\Internal\Guzzle\TransportOptions::ABOVE, ...Hawser\Internal\Guzzle\TransportOptions::HONOURED, ...Hawser\Internal\Guzzle\TransportOptions::FOR_CURL];
            echo ' ', implode(',', array_diff((new ReflectionClass(GuzzleHttp\RequestOptions::class))->getConstants(), $known)) ?: 'all options';
            PHP;
        self::assertSame('hello hello 404 connect_refused deadline_exceeded mine origin_closed all options', $this->runCode($code));
    }

    public function testTheArchiveHoldsNoTests(): void
    {
        $list = self::printedBy(['composer', 'archive', '--no-interaction', '--format=tar', "--dir={$this->project}", '--file=archive'], \dirname(__DIR__, 2));
        self::assertFileExists("{$this->project}/archive.tar", $list);
        $names = array_unique(array_map(static fn(string $name): string => explode('/', $name)[0], explode("\n", trim(self::printedBy(['tar', '-tf', "{$this->project}/archive.tar"], $this->project)))));
        sort($names);
        self::assertSame(['LICENSE', 'README.md', 'composer.json', 'examples', 'src'], $names);
    }

    /**
     * @param list<string>         $packages
     * @param array<string, mixed> $repositories besides ours
     */
    private function requirePackages(array $packages, array $repositories, bool $isStrict = true): bool
    {
        $root = \dirname(__DIR__, 2);
        $versions = [self::OURS => '0.1.0'];
        $paths = [];
        $installed = json_decode((string) file_get_contents("{$root}/vendor/composer/installed.json"), true);
        foreach (\is_array($installed) && \is_array($installed['packages'] ?? null) ? $installed['packages'] : [] as $package) {
            if (\is_array($package) && \is_string($package['name'] ?? null) && \is_string($package['version'] ?? null)) {
                $versions[$package['name']] = $package['version'];
                $paths[] = ['type' => 'path', 'url' => "{$root}/vendor/{$package['name']}", 'options' => ['symlink' => false, 'reference' => 'none', 'versions' => [$package['name'] => $package['version']]]];
            }
        }
        $ours = [['type' => 'path', 'url' => $root, 'options' => ['symlink' => false, 'reference' => 'none', 'versions' => [self::OURS => '0.1.0']]]];
        $requirements = [];
        foreach ($packages as $package) {
            [$name, $constraint] = explode(':', $package) + [1 => $versions[$package] ?? '*'];
            $requirements[$name] = $constraint;
        }
        $content = ['repositories' => $repositories === [] ? $ours : [...$ours, ...$paths, $repositories], 'require' => $requirements, 'config' => ['lock' => false]];
        file_put_contents("{$this->project}/composer.json", json_encode($content, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR));
        $output = self::printedBy(['composer', 'update', '--no-interaction', '--no-progress', '--no-audit'], $this->project);
        $isThere = is_file("{$this->project}/vendor/autoload.php");
        if ($isStrict) {
            self::assertTrue($isThere, $output);
        }

        return $isThere;
    }

    private function runCode(string $code): string
    {
        $stand = Stand::shared();
        file_put_contents("{$this->project}/run.php", "<?php declare(strict_types=1); error_reporting(E_ALL); require 'vendor/autoload.php'; const URL = '{$stand->url}'; {$code}");

        return self::printedBy([PHP_BINARY, '-d', 'display_errors=1', 'run.php'], $this->project, ['HAWSER_SOCKET' => $stand->socket, 'HAWSER_FALLBACK' => 'fail']);
    }

    /**
     * @param list<string>          $command
     * @param array<string, string> $environment
     */
    private static function printedBy(array $command, string $folder, array $environment = []): string
    {
        $log = tmpfile();
        self::assertIsResource($log);
        $process = proc_open($command, [1 => $log, 2 => $log], $pipes, $folder, $environment + ['COMPOSER_ALLOW_SUPERUSER' => '1'] + getenv());
        self::assertIsResource($process);
        proc_close($process);
        rewind($log);

        return (string) stream_get_contents($log);
    }
}
