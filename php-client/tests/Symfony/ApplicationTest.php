<?php

declare(strict_types=1);

namespace Hawser\Tests\Symfony;

use Hawser\Facts;
use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\TestCase;
use Symfony\Contracts\HttpClient\HttpClientInterface;

/**
 * The configuration of the guide's page, as it stands, in a real Symfony kernel.
 */
final class ApplicationTest extends TestCase
{
    public function testTheGuidesConfigurationPutsAllClientsOnTheBroker(): void
    {
        $page = \dirname(__DIR__, 3) . '/docs/guide/symfony.md';
        $stand = Stand::shared();
        $text = str_replace('https://api.example.com', $stand->url, (string) @file_get_contents($page));
        preg_match_all('/^```yaml\n# (config\/\S+)\n(.*?)^```/ms', $text, $files, PREG_SET_ORDER);
        self::assertSame(['config/services.yaml', 'config/packages/framework.yaml'], array_column($files, 1));
        $folder = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir("{$folder}/config/packages", 0o777, true);
        foreach ($files as [, $name, $content]) {
            file_put_contents("{$folder}/{$name}", $content);
        }
        putenv("HAWSER_SOCKET={$stand->socket}");
        putenv('HAWSER_FALLBACK=fail');
        $kernel = new ApplicationKernel($folder);
        try {
            $kernel->boot();
            $container = $kernel->getContainer();
            foreach (['default' => "{$stand->url}/slow", 'orders' => 'slow'] as $name => $url) {
                $client = $container->get("test.{$name}");
                self::assertInstanceOf(HttpClientInterface::class, $client);
                $response = $client->request('GET', $url);
                self::assertSame('hello', $response->getContent());
                $facts = $response->getInfo('hawser');
                self::assertInstanceOf(Facts::class, $facts);
                self::assertFalse($facts->isDirect);
            }
        } finally {
            putenv('HAWSER_SOCKET');
            putenv('HAWSER_FALLBACK');
            $kernel->shutdown();
            ApplicationKernel::remove($folder);
        }
    }
}
